/* A TFLite delegate for tests, by the stable part of TFLite's C interface (tensorflow/lite/core/c/common.h).
 *
 * It takes the first `nodes` operators (default: all) and computes nothing for them: fast, and wrong.
 * `nodes=0` takes none; `refuse=WORDS` fails to be made, with these words. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct { int size; int data[]; } IntArray;
typedef struct Context Context;
typedef struct Delegate Delegate;
typedef struct {
  void *(*init)(Context *, const char *, size_t);
  void (*free)(Context *, void *);
  int (*prepare)(Context *, void *);
  int (*invoke)(Context *, void *);
  const char *(*profiling_string)(const Context *, const void *);
  int32_t builtin_code;
  const char *custom_name;
  int version;
  void *newer_fields[8]; /* zero: releases differ in how many there are */
} Registration;
struct Context {
  size_t tensors_size;
  int (*GetExecutionPlan)(Context *, IntArray **);
  void *tensors;
  void *impl;
  int (*ResizeTensor)(Context *, void *, IntArray *);
  void (*ReportError)(Context *, const char *, ...);
  int (*AddTensors)(Context *, int, int *);
  int (*GetNodeAndRegistration)(Context *, int, void **, Registration **);
  int (*ReplaceNodeSubsetsWithDelegateKernels)(Context *, Registration, const IntArray *, Delegate *);
};
struct Delegate {
  void *data;
  int (*Prepare)(Context *, Delegate *);
  void *buffers[3];
  int64_t flags;
  void *builder;
};

static int take;

static int nothing(Context *context, void *node) { (void)context; (void)node; return 0; }

static int prepare(Context *context, Delegate *self) {
  IntArray *plan;
  if (context->GetExecutionPlan(context, &plan)) return 1;
  int count = take < 0 || take > plan->size ? plan->size : take;
  if (!count) return 0;
  IntArray *mine = malloc(sizeof(int) * (count + 1));
  mine->size = count;
  memcpy(mine->data, plan->data, sizeof(int) * count);
  Registration kernel = {.prepare = nothing, .invoke = nothing, .custom_name = "EdgebenchTestDelegate", .version = 1};
  int status = context->ReplaceNodeSubsetsWithDelegateKernels(context, kernel, mine, self);
  free(mine);
  return status;
}

Delegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count, void (*report)(const char *)) {
  take = -1;
  for (size_t i = 0; i < count; i++) {
    if (!strcmp(keys[i], "refuse")) { report(values[i]); return NULL; }
    if (!strcmp(keys[i], "nodes")) take = atoi(values[i]);
  }
  Delegate *made = calloc(1, sizeof(Delegate));
  made->Prepare = prepare;
  return made;
}

void tflite_plugin_destroy_delegate(Delegate *self) { free(self); }
