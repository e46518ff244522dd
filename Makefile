# Two commands do everything on a fresh Debian machine with Python 3.11: `make demo` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
DEMO := .demo
WORKERS ?= 2
MODELS ?= models/sr-x2-w28.onnx models/sr-x2-w28-int8.onnx models/sr-x2-w16.onnx
PHONE_MODELS ?= models/sr-x2-w28-fp32.tflite models/sr-x2-w28-fp16.tflite models/sr-x2-w28-int8.tflite

.PHONY: help demo demo-android demo-jetson test test-heavy check bench docs models build clean system

help:
	@echo "make demo    install edgebench into $(VENV) and compare the models of models/ on this machine"
	@echo "make demo-android   the TFLite models on a simulated phone, through the real adb server"
	@echo "make demo-jetson    the ONNX models on a simulated Jetson Nano, TensorRT's program beside ONNX Runtime"
	@echo "make test    install what the tests need and run the default suite"
	@echo "make check   linters, types, import floors, generated docs"
	@echo "make test-heavy   the minutes-long tests that CI runs too"
	@echo "make bench   our figures against a bare loop and scp, as ratios"

system:
	@sh tools/system_packages.sh $(PYTHON) $(WANTED)

# one stamp a set of requirements: nothing is installed twice
$(VENV)/.user: pyproject.toml
	@$(MAKE) --no-print-directory system WANTED=venv
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	@touch $@

$(VENV)/.dev: pyproject.toml
	@$(MAKE) --no-print-directory system WANTED="venv sshd shells adb cc sudo setpriv"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@

demo: $(VENV)/.user
	@mkdir -p $(DEMO)
	EDGEBENCH_STORE=$(DEMO)/store.db $(BIN)/edgebench run $(MODELS) --quick --threads 1 \
		|| { status=$$?; [ $$status -eq 5 ] && echo "(exit status 5: a row is unstable, as the table says)"; }

demo-android: $(VENV)/.user
	@sh tools/demo_android.sh $(BIN)/edgebench $(PHONE_MODELS)

demo-jetson: $(VENV)/.user
	@sh tools/demo_jetson.sh $(BIN)/edgebench $(MODELS)

# side by side by whole files, whose tests share what they set up, in their order: the long ones come first; after them, one by
# one, those that need quiet
test: $(VENV)/.dev
	$(BIN)/python -m pytest -m "not (heavy or alone)" -n $(WORKERS) --dist loadfile --no-loadscope-reorder
	$(BIN)/python -m pytest -m "alone and not heavy"

test-heavy: $(VENV)/.dev
	$(BIN)/python -m pytest -m "heavy and not alone" -n $(WORKERS) --dist loadfile --no-loadscope-reorder --timeout 900
	$(BIN)/python -m pytest -m "heavy and alone" --timeout 900

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vermin -t=3.6- --no-tips --violations edgebench/agent
	$(BIN)/python tools/measure_psnr.py --check
	$(BIN)/python tools/gen_cli_docs.py --check
	$(BIN)/python tools/gen_grades.py --check
	$(BIN)/python tools/gen_phone_commands.py --check
	$(BIN)/python tools/gen_tflite_lint.py --check

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/run_all.py

docs: $(VENV)/.dev
	$(BIN)/python tools/gen_cli_docs.py
	$(BIN)/python tools/gen_grades.py
	$(BIN)/python tools/gen_phone_commands.py
	$(BIN)/python tools/gen_tflite_lint.py

build: $(VENV)/.dev
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) $(DEMO) build dist .envs .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
