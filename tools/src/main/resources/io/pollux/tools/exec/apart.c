/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A second descriptor table, apart from the program's.
 *
 * A poll holds its file until it completes, even if the program closes the descriptor. Linux needs no descriptor for this. Here
 * it takes one, and the program's limit may leave none. So one thread has a descriptor table of its own, with the same limit. The
 * program neither sees nor closes these descriptors. That thread makes the calls on them, one at a time. No call may block.
 */
#include "pollux.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define STACK_BYTES (64 << 10)

static pthread_mutex_t calls = PTHREAD_MUTEX_INITIALIZER; /* one caller at a time; outermost lock */
static enum { NOT_STARTED, STARTED, IMPOSSIBLE } state;
static int program_end; /* of a socket pair that passes descriptors */
static int thread_end;

/* The thread's next call, and its result. */
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool asked;
static bool answered;
static int64_t number, arguments[6], result;

/* Unshares the thread's table and closes all descriptors in it but one. */
static long leave_table(void) {
  long left = machine_call(SYS_unshare, CLONE_FILES, 0, 0, 0, 0, 0);
  if (left != 0) {
    return left;
  }
  if (thread_end > 0) {
    left = machine_call(SYS_close_range, 0, thread_end - 1, 0, 0, 0, 0);
  }
  return left != 0 ? left : machine_call(SYS_close_range, thread_end + 1, ~0u, 0, 0, 0, 0);
}

static void *serve(void *unused) {
  (void)unused;
  pthread_mutex_lock(&order);
  result = leave_table();
  bool serves = result == 0;
  answered = true;
  pthread_cond_broadcast(&changed);
  while (serves) { /* until the process exits */
    while (!asked) {
      pthread_cond_wait(&changed, &order);
    }
    asked = false;
    result = machine_call(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
    answered = true;
    pthread_cond_broadcast(&changed);
  }
  pthread_mutex_unlock(&order);
  return NULL;
}

static int64_t answer_of_thread(void) {
  while (!answered) {
    pthread_cond_wait(&changed, &order);
  }
  answered = false;
  return result;
}

/* Under `calls`. */
static bool start(void) {
  if (state != NOT_STARTED) {
    return state == STARTED;
  }
  int ends[2];
  if (machine_call(SYS_socketpair, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, (long)ends, 0, 0) != 0) {
    return false; /* no descriptor is free; the next caller retries */
  }
  state = IMPOSSIBLE;
  program_end = out_of_the_way(ends[0]);
  thread_end = ends[1];
  if (machine_thread(serve, PTHREAD_STACK_MIN + STACK_BYTES, false) == 0) {
    pthread_mutex_lock(&order);
    if (answer_of_thread() == 0) {
      state = STARTED;
    }
    pthread_mutex_unlock(&order);
  }
  machine_call(SYS_close, thread_end, 0, 0, 0, 0, 0);
  if (state != STARTED) {
    machine_call(SYS_close, program_end, 0, 0, 0, 0, 0);
  }
  return state == STARTED;
}

static int64_t call(int64_t nr, int64_t a0, int64_t a1, int64_t a2, int64_t a3, int64_t a4, int64_t a5) {
  pthread_mutex_lock(&order);
  number = nr;
  arguments[0] = a0;
  arguments[1] = a1;
  arguments[2] = a2;
  arguments[3] = a3;
  arguments[4] = a4;
  arguments[5] = a5;
  asked = true;
  pthread_cond_broadcast(&changed);
  int64_t answer = answer_of_thread();
  pthread_mutex_unlock(&order);
  return answer;
}

/* Passes a descriptor from the program's table to the thread's. Returns its number there, or a negative errno. */
static int64_t take(int64_t fd) {
  char byte = 0;
  char control[CMSG_SPACE(sizeof(int))];
  memset(control, 0, sizeof control);
  struct iovec data = {&byte, 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &(int){(int)fd}, sizeof(int));
  int64_t sent = machine_call(SYS_sendmsg, program_end, (long)&message, MSG_DONTWAIT, 0, 0, 0);
  if (sent < 0) {
    return sent;
  }
  message.msg_controllen = sizeof control;
  int64_t received = call(SYS_recvmsg, thread_end, (int64_t)(intptr_t)&message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, 0, 0, 0);
  if (received < 0) {
    return received;
  }
  header = CMSG_FIRSTHDR(&message);
  if (!header || header->cmsg_len != CMSG_LEN(sizeof(int))) {
    return -EMFILE; /* the message arrived without the descriptor */
  }
  int taken;
  memcpy(&taken, CMSG_DATA(header), sizeof taken);
  return taken;
}

int64_t apart(int64_t nr, int64_t a0, int64_t a1, int64_t a2, int64_t a3, int64_t a4, int64_t a5) {
  int cancel; /* waiting is a cancellation point, and the caller comes from Java */
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
  pthread_mutex_lock(&calls);
  int64_t answer = -EMFILE;
  if (start()) {
    answer = nr == APART_TAKE ? take(a0) : call(nr, a0, a1, a2, a3, a4, a5);
  }
  pthread_mutex_unlock(&calls);
  pthread_setcancelstate(cancel, NULL);
  return answer;
}
