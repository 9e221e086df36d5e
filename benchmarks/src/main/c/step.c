// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steps through a thread, one machine instruction at a time, and tells in which compiled methods the instructions were:
 *
 *     step TID COUNT MAP
 *
 * MAP is what `jcmd Compiler.perfmap` writes: a line "start size name" for each method, in hexadecimal. How many requests went by is
 * found in the instructions themselves: in the method that has most of them, most are executed once for each request.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

struct method {
  unsigned long start, size;
  char *name;
  long instructions;
  unsigned *executed; /* by offset, made when first needed */
};

static struct method *methods;
static size_t count;

static int by_start(const void *a, const void *b) {
  const struct method *x = a, *y = b;
  return x->start < y->start ? -1 : x->start > y->start;
}

static int by_instructions(const void *a, const void *b) {
  const struct method *x = a, *y = b;
  return x->instructions > y->instructions ? -1 : x->instructions < y->instructions;
}

static void fail(const char *what) {
  fprintf(stderr, "step: %s: %s\n", what, strerror(errno));
  exit(2);
}

static void read_map(const char *path) {
  FILE *map = fopen(path, "r");
  char *line = NULL;
  size_t room = 0, most = 0;
  if (!map)
    fail(path);
  while (getline(&line, &room, map) > 0) {
    struct method m = {0};
    int name = 0;
    if (sscanf(line, "%lx %lx %n", &m.start, &m.size, &name) != 2 || !name)
      continue;
    line[strcspn(line, "\n")] = 0;
    m.name = strdup(line + name);
    if (count == most) {
      most = most ? 2 * most : 1024;
      methods = realloc(methods, most * sizeof *methods);
      if (!methods)
        fail("memory");
    }
    methods[count++] = m;
  }
  fclose(map);
  qsort(methods, count, sizeof *methods, by_start);
}

static struct method *find(unsigned long address) {
  size_t low = 0, high = count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (methods[middle].start <= address)
      low = middle + 1;
    else
      high = middle;
  }
  return low && address - methods[low - 1].start < methods[low - 1].size ? &methods[low - 1] : NULL;
}

/* The number of times that most of the different instructions of a method were executed. */
static unsigned usual(const struct method *m) {
  unsigned best = 0, most = 0;
  for (unsigned long i = 0; i < m->size; i++) {
    unsigned same = 0;
    if (!m->executed[i])
      continue;
    for (unsigned long k = 0; k < m->size; k++)
      same += m->executed[k] == m->executed[i];
    if (same > most) {
      most = same;
      best = m->executed[i];
    }
  }
  return best;
}

int main(int argc, char **argv) {
  long outside = 0, steps = 0, wanted;
  int status, tid;
  double requests;
  if (argc != 4) {
    fprintf(stderr, "usage: step TID COUNT MAP\n");
    return 2;
  }
  tid = atoi(argv[1]);
  wanted = atol(argv[2]);
  read_map(argv[3]);
  if (ptrace(PTRACE_SEIZE, tid, 0, 0) || ptrace(PTRACE_INTERRUPT, tid, 0, 0))
    fail("ptrace");
  waitpid(tid, &status, __WALL);
  while (steps < wanted) {
    struct user_regs_struct regs;
    struct method *m;
    if (ptrace(PTRACE_GETREGS, tid, 0, &regs))
      fail("ptrace");
    m = find(regs.rip);
    if (!m) {
      outside++;
    } else {
      if (!m->executed && !(m->executed = calloc(m->size, sizeof *m->executed)))
        fail("memory");
      m->executed[regs.rip - m->start]++;
      m->instructions++;
    }
    steps++;
    if (ptrace(PTRACE_SINGLESTEP, tid, 0, 0))
      fail("ptrace");
    waitpid(tid, &status, __WALL);
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) {
      fprintf(stderr, "step: the thread stopped for something else\n");
      return 2;
    }
  }
  ptrace(PTRACE_DETACH, tid, 0, 0);
  qsort(methods, count, sizeof *methods, by_instructions);
  if (!count || !methods[0].executed) {
    fprintf(stderr, "step: no instruction of a compiled method\n");
    return 2;
  }
  requests = usual(&methods[0]);
  printf("%ld instructions, %.0f requests, %.0f instructions a request\n", steps - outside, requests,
         (steps - outside) / requests);
  for (size_t i = 0; i < count && methods[i].instructions * 500 > steps; i++)
    printf("%7.0f  %s\n", methods[i].instructions / requests, methods[i].name);
  if (outside)
    printf("and %ld instructions outside of compiled methods\n", outside);
  return 0;
}
