/* SPDX-License-Identifier: GPL-2.0-only */
/* The start of the virtual machine: its options, and the reason if it does not start. */
#include "pollux.h"

#include <fcntl.h>
#include <jni.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>

#define MOST_OPTIONS 64

/* Under RLIMIT_AS: what the virtual machine reserves, and the minimum for it and the kernel. */
#define SMALL_MACHINE "-XX:CompressedClassSpaceSize=32m", "-XX:ReservedCodeCacheSize=64m"
#define SMALL_HEAP_SHARE 8 /* of what the limit leaves */
#define SMALLEST_HEAP (128l << 20)
#define LARGEST_HEAP (512l << 20)
#define LEAST_BYTES (900l << 20)

/* Bytes of address space that RLIMIT_AS leaves, or 0 without a limit. Exits if they are too few. */
static long limited_space(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return 0;
  }
  long used = 0;
  char text[64] = {0};
  int fd = (int)machine_call(SYS_openat, AT_FDCWD, (long)"/proc/self/statm", O_RDONLY, 0, 0, 0);
  if (fd >= 0) {
    machine_call(SYS_read, fd, (long)text, sizeof text - 1, 0, 0, 0);
    machine_call(SYS_close, fd, 0, 0, 0, 0, 0);
    used = strtol(text, NULL, 10) * 4096;
  }
  long left = (long)limit.rlim_cur - used;
  if (left < LEAST_BYTES) {
    char line[256];
    snprintf(line, sizeof line, "exec: RLIMIT_AS (ulimit -v) leaves %ld KiB of address space, and the kernel needs %ld KiB",
             left > 0 ? left >> 10 : 0, LEAST_BYTES >> 10);
    die(line);
  }
  mallopt(M_ARENA_MAX, 1); /* each arena takes 64 MiB of address space */
  return left;
}

/* The virtual machine's options, one per line; the last of a kind wins. The environment's copy is split in place. */
static int read_options(char *lines, JavaVMOption options[MOST_OPTIONS]) {
  static char *small[] = {SMALL_MACHINE};
  static char heap[32];
  int count = 0;
  char *rest = NULL;
  long space = limited_space();
  if (space != 0) {
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
      options[count++] = (JavaVMOption){.optionString = small[i]};
    }
  }
  long bytes = space == 0 ? LARGEST_HEAP : space / SMALL_HEAP_SHARE;
  bytes = bytes < SMALLEST_HEAP ? SMALLEST_HEAP : bytes > LARGEST_HEAP ? LARGEST_HEAP : bytes;
  snprintf(heap, sizeof heap, "-Xmx%ldm", bytes >> 20);
  options[count++] = (JavaVMOption){.optionString = heap};
  for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    if (count == MOST_OPTIONS - 1) {
      die("exec: too many options for the virtual machine");
    }
    options[count++] = (JavaVMOption){.optionString = line};
  }
  return count;
}

/*
 * What the virtual machine prints while it starts. If it fails, this is the reason, and it may exit the process from any thread.
 */
static char vm_text[512];
static size_t vm_length;
static volatile bool started;

static int vm_prints(FILE *stream, const char *format, va_list list) {
  if (started) {
    return vfprintf(stream, format, list);
  }
  int length = vsnprintf(vm_text + vm_length, sizeof vm_text - vm_length, format, list);
  size_t room = sizeof vm_text - 1 - vm_length;
  vm_length += length < 0 ? 0 : (size_t)length < room ? (size_t)length : room;
  return length;
}

_Noreturn void vm_did_not_start(void) {
  char line[sizeof vm_text + 64];
  size_t length = (size_t)snprintf(line, sizeof line, "exec: the Java virtual machine did not start");
  for (size_t i = 0; i < vm_length; i++) { /* one line */
    bool starts = i == 0 || vm_text[i - 1] == '\n';
    if (vm_text[i] != '\n') {
      length += (size_t)snprintf(line + length, sizeof line - length, starts ? ": %c" : "%c", vm_text[i]);
      length = length < sizeof line ? length : sizeof line - 1;
    }
  }
  die(line);
}

void vm_start(void) {
  const char *library = getenv("POLLUX_LIBJVM");
  const char *lines = getenv("POLLUX_JVM_OPTIONS");
  if (!library || !lines) {
    die("exec: its variables are not in the environment: a program is started by pollux exec");
  }
  void *libjvm = dlopen(library, RTLD_NOW | RTLD_GLOBAL);
  if (!libjvm) {
    die(dlerror());
  }
  jint (*create)(JavaVM **, void **, void *) =
      (jint(*)(JavaVM **, void **, void *))dlsym(libjvm, "JNI_CreateJavaVM");
  if (!create) {
    die("exec: no Java virtual machine in POLLUX_LIBJVM");
  }
  JavaVMOption options[MOST_OPTIONS];
  int count = read_options(strdup(lines), options);
  options[count++] = (JavaVMOption){.optionString = "vfprintf", .extraInfo = (void *)vm_prints};
  JavaVMInitArgs args = {.version = JNI_VERSION_10, .nOptions = count, .options = options};
  JavaVM *vm;
  JNIEnv *env;
  if (create(&vm, (void **)&env, &args) != JNI_OK) {
    vm_did_not_start();
  }
  started = true;
  machine_call(SYS_write, 1, (long)vm_text, (long)vm_length, 0, 0, 0);
  jclass guest = (*env)->FindClass(env, "io/pollux/tools/exec/Guest");
  jmethodID start = guest ? (*env)->GetStaticMethodID(env, guest, "start", "(J)I") : NULL;
  if (!start) {
    (*env)->ExceptionDescribe(env);
    die("exec: the Java side is not there");
  }
  jint status = (*env)->CallStaticIntMethod(env, guest, start, (jlong)(intptr_t)&kernel_interface);
  if ((*env)->ExceptionCheck(env)) {
    (*env)->ExceptionDescribe(env);
    status = 2;
  }
  if (status != 0) { /* it has printed the reason */
    machine_call(SYS_exit_group, status, 0, 0, 0, 0, 0);
  }
  threads_know(vm);
  (*vm)->DetachCurrentThread(vm);
}
