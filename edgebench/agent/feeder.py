"""Samples in turn, and recurrent states from one iteration to the next, outside every timed region."""

from .failures import Failure


class Feeder(object):
    """Hands samples to `bind(feeds)` in turn and carries states {output: input} from one iteration to the next."""

    def __init__(self, samples, states, outputs, bind):
        unknown = sorted(set(states) - set(outputs))
        if unknown:
            message = "no output %s; the model has %s" % (", ".join(unknown), ", ".join(outputs))
            raise Failure("bad-input", message, "input")
        self._samples = samples
        self._carry = [(outputs.index(output), target) for output, target in sorted(states.items())]
        self._bind = bind
        self._at = 0
        self._feeds = None
        self.count = len(samples)
        self.fixed = self.count == 1 and not self._carry

    def rewind(self):
        """Bind the first sample again, its states as they were at the start, and return the feeds."""
        self._at = 0
        self._feeds = dict(self._samples[0])
        self._bind(self._feeds)
        return self._feeds

    def between(self, outputs):
        """Prepare the next iteration after `outputs` (a list in the model's order) of the last one."""
        if self.fixed:
            return
        carried = [(target, outputs[at]) for at, target in self._carry]
        if self.count > 1:
            self._at = (self._at + 1) % self.count
            self._feeds = dict(self._samples[self._at])
        self._feeds.update(carried)
        self._bind(self._feeds)
