# The sampler.

sampler_start() {
    :
}

sampler_stop() {
    :
}
