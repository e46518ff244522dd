/* A libcudart without a GPU, for tests: "device" memory is the host's, streams do everything at once. Signatures are those
   of CUDA's cuda_runtime_api.h. More than 1 GiB is out of memory; -DNO_GPU is a machine whose driver is too old. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef NO_GPU
int cudaGetDeviceCount(int *count) { *count = 0; return 35; }
#else
int cudaGetDeviceCount(int *count) { *count = 1; return 0; }
#endif
int cudaSetDevice(int device) { return device ? 101 : 0; }
int cudaRuntimeGetVersion(int *version) { *version = 10020; return 0; }
int cudaDeviceGetAttribute(int *value, int which, int device) { *value = which == 75 ? 5 : which == 76 ? 3 : 0; return device; }
int cudaGetDeviceProperties(void *properties, int device) { strcpy(properties, "NVIDIA Tegra X1"); return device; }
int cudaMemGetInfo(size_t *left, size_t *total) { *left = 1u << 30; *total = (size_t)4 << 30; return 0; }
int cudaMalloc(void **at, size_t size) { if (size > 1u << 30) return 2; *at = malloc(size); return 0; }
int cudaFree(void *at) { free(at); return 0; }
int cudaMallocHost(void **at, size_t size) { return cudaMalloc(at, size); }
int cudaMemcpyAsync(void *to, const void *from, size_t size, int kind, void *stream)
{
    if (kind != 1 && kind != 2) return 21;
    if (!stream) return 33;
    memcpy(to, from, size);
    return 0;
}
int cudaStreamCreate(void **stream) { *stream = malloc(1); return 0; }
int cudaStreamSynchronize(void *stream) { return stream ? 0 : 33; }
int cudaEventCreate(void **event) { *event = calloc(1, sizeof(struct timespec)); return 0; }
int cudaEventRecord(void *event, void *stream) { return stream ? clock_gettime(CLOCK_MONOTONIC, event) : 33; }
int cudaEventElapsedTime(float *ms, struct timespec *begin, struct timespec *end)
{
    *ms = (end->tv_sec - begin->tv_sec) * 1e3f + (end->tv_nsec - begin->tv_nsec) * 1e-6f;
    return 0;
}
const char *cudaGetErrorName(int code) { return code == 2 ? "cudaErrorMemoryAllocation" : code == 35 ? "cudaErrorInsufficientDriver" : "cudaErrorOther"; }
const char *cudaGetErrorString(int code) { return code == 2 ? "out of memory" : code == 35 ? "CUDA driver version is insufficient for CUDA runtime version" : "other"; }
