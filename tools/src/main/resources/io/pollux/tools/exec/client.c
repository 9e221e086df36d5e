/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process whose kernel is in another process: a child of fork, and a program that such a process executes. See server.c.
 *
 * Each thread has a connection. The parent opens the child's connection before the fork, so that the child has the parent's
 * descriptors of that moment. An executed program finds the connection among its descriptors, as the socket whose peer the
 * environment names. A program that was started without fork (posix_spawn) has none, and opens one.
 */
#include "pollux.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#define INHERITED_LIMIT 1024 /* number of descriptors that an executed program checks */

static volatile bool client;
static int64_t key; /* of this process, in the server */
static bool has_directory; /* the server knows a working directory of this process */

static __thread int channel __attribute__((tls_model("initial-exec"))); /* 0: none yet */
static __thread int64_t handle __attribute__((tls_model("initial-exec")));
static __thread struct window_of_thread window __attribute__((tls_model("initial-exec")));
static __thread volatile bool noted __attribute__((tls_model("initial-exec"))); /* the server knows of a signal */

static int prepared = -1; /* the connection of a child to be forked; under the lock of the start */
static int64_t prepared_key, prepared_handle;

bool is_client(void) {
  return client;
}

/* Hidden descriptors. */

static uint64_t hidden[FD_LIMIT / 64];

bool is_hidden(int fd) {
  return (unsigned)fd < FD_LIMIT && (__atomic_load_n(&hidden[fd / 64], __ATOMIC_RELAXED) & 1ull << fd % 64);
}

void hide(int fd, bool hide) {
  if ((unsigned)fd < FD_LIMIT) {
    if (hide) {
      __atomic_or_fetch(&hidden[fd / 64], 1ull << fd % 64, __ATOMIC_RELAXED);
    } else {
      __atomic_and_fetch(&hidden[fd / 64], ~(1ull << fd % 64), __ATOMIC_RELAXED);
    }
  }
}

static void drop_channel(int fd) {
  hide(fd, false);
  machine_call(SYS_close, fd, 0, 0, 0, 0, 0);
}

/* Messages. */

int64_t client_perform(int64_t nr, int64_t a0, int64_t a1, int64_t a2) {
  switch (nr) {
    case ASK_RESERVE:
      return fd_reserve(a0);
    case ASK_RESERVE_AT:
      return fd_reserve_at(a0);
    case ASK_FREE:
      if (ours((int)a0)) {
        fd_free(a0);
      }
      return 0;
    case SYS_fcntl:
      return ours((int)a0) && (a1 == F_GETFD || a1 == F_SETFD) ? machine_call(SYS_fcntl, a0, a1, a2, 0, 0, 0) : -EBADF;
    default:
      return -ENOSYS;
  }
}

static long gone(void) {
  static volatile int said;
  if (!said) {
    said = 1;
    say("exec: the process with the kernel has exited; calls return EIO");
  }
  return -EIO;
}

/* Sends a message and performs what the server asks for, until the reply, which replaces the message. */
static long transact(int connection, struct message *message, int fd) {
  if (!message_send(connection, message, fd)) {
    return gone();
  }
  while (message_receive(connection, message, NULL)) {
    if (message->kind == REPLY) {
      return message->a[0];
    }
    struct message answer = {.kind = REPLY};
    answer.a[0] = client_perform(message->nr, message->a[0], message->a[1], message->a[2]);
    if (!message_send(connection, &answer, -1)) {
      break;
    }
  }
  return gone();
}

static long transact_call(long nr, const long a[6]) {
  struct message message = {.kind = CALL, .nr = nr, .a = {a[0], a[1], a[2], a[3], a[4], a[5]}};
  return transact(channel, &message, -1);
}

/* Connecting. */

/* Makes the window of a thread. Returns 0 or a negative errno. */
static long make_window(void) {
  long fd = machine_call(SYS_memfd_create, (long)"pollux", MFD_CLOEXEC | MFD_ALLOW_SEALING, 0, 0, 0, 0);
  if (fd < 0) {
    return fd;
  }
  long result = machine_call(SYS_ftruncate, fd, WINDOW_BYTES, 0, 0, 0, 0);
  if (result == 0) {
    machine_call(SYS_fcntl, fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, 0, 0, 0);
    result = machine_call(SYS_mmap, 0, WINDOW_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  if (result > 0) {
    window.here = (char *)result;
    struct message message = {.kind = WINDOW};
    result = transact(channel, &message, (int)fd);
    window.there = result;
  }
  machine_call(SYS_close, fd, 0, 0, 0, 0, 0);
  return result < 0 && result >= -4095 ? result : 0;
}

static void take_channel(int fd, const struct message *reply) {
  channel = fd;
  hide(fd, true);
  key = reply->a[1];
  handle = reply->a[2];
}

/* Opens the thread's connection with a first message, and makes its window. */
static long open_channel(struct message first) {
  int fd = server_connect();
  if (fd < 0) {
    return fd;
  }
  long result = transact(fd, &first, -1);
  if (result < 0) {
    machine_call(SYS_close, fd, 0, 0, 0, 0, 0);
    return result;
  }
  take_channel(fd, &first);
  return make_window();
}

/* The connection of this thread. Returns 0 or a negative errno. */
static inline long ready(void) {
  if (__builtin_expect(channel > 0 && window.here, 1)) {
    return 0;
  }
  return channel > 0 ? make_window() : open_channel((struct message){.kind = JOIN, .a = {key}});
}

#define IO_SETUP2 335
#define IO_RING_ENTER 336

long client_call(long nr, long a0, long a1, long a2, long a3, long a4, long a5) {
  switch (nr) {
    case SYS_io_setup:
    case SYS_io_destroy:
    case SYS_io_submit:
    case SYS_io_cancel:
    case SYS_io_getevents:
    case SYS_io_pgetevents:
    case IO_SETUP2:
    case IO_RING_ENTER:
      return client_aio(client_call, nr, a0, a1, a2, a3, a4);
    default:
      break;
  }
  long result = ready();
  return result != 0 ? result : call_with_copies(&window, transact_call, nr, (long[]){a0, a1, a2, a3, a4, a5});
}

/* Signals. */

void client_signal(int signal) {
  if (!client || handle <= 0) {
    return;
  }
  int fd = server_connect();
  if (fd >= 0) {
    noted = true;
    struct message message = {.kind = NOTE, .a = {handle, signal}};
    message_send(fd, &message, -1);
    machine_call(SYS_close, fd, 0, 0, 0, 0, 0);
  }
}

void client_forget(void) {
  if (noted) {
    noted = false;
    struct message message = {.kind = FORGET};
    transact(channel, &message, -1);
  }
}

void client_thread_ends(void) {
  if (client && channel > 0) {
    drop_channel(channel);
    channel = 0;
    if (window.here) {
      machine_call(SYS_munmap, (long)window.here, WINDOW_BYTES, 0, 0, 0, 0);
      window.here = NULL;
    }
  }
}

/* A program that this process has executed, or that another started. */

/* Lists the descriptors that may be placeholders. */
static int list_placeholders(int32_t *list) {
  int count = 0;
  for (int fd = 0; fd < INHERITED_LIMIT; fd++) {
    long flags = machine_call(SYS_fcntl, fd, F_GETFL, 0, 0, 0, 0);
    if (flags >= 0 && (flags & O_PATH)) {
      if (list) {
        list[count] = fd;
      }
      count++;
    }
  }
  return count;
}

/* Sends the server the numbers of the process's descriptors. */
static long take_over(void) {
  long result = ready();
  if (result != 0) {
    return result;
  }
  struct message message = {.kind = EXEC, .a = {list_placeholders((int32_t *)window.here)}};
  result = transact(channel, &message, -1);
  if (result < 0) {
    return result;
  }
  key = message.a[1];
  handle = message.a[2];
  for (int64_t i = 0; i < (int64_t)(uint32_t)result; i++) {
    int32_t fd = ((int32_t *)window.here)[i];
    if ((unsigned)fd < FD_LIMIT) {
      fd_is_ours[fd] = 1;
    }
  }
  has_directory = result >> 32;
  return 0;
}

void client_settle(void) {
  cwd_take_over(has_directory);
}

long client_start(void) {
  const char *name = variable_get(SERVER);
  long pid = 0;
  if (!name || sscanf(name, "pollux-%ld-", &pid) != 1 || pid == machine_call(SYS_getpid, 0, 0, 0, 0, 0, 0)) {
    return -ENOENT; /* or it was this process, before an exec */
  }
  long result = open_channel((struct message){
      .kind = SPAWN, .a = {machine_call(SYS_getpid, 0, 0, 0, 0, 0, 0), machine_call(SYS_getppid, 0, 0, 0, 0, 0, 0)}});
  if (result == 0) {
    client = true;
    result = take_over();
  }
  return result == 0 ? 0 : gone();
}

static bool is_channel(int fd, const char *name) {
  struct sockaddr_un address;
  socklen_t size = sizeof address;
  memset(&address, 0, sizeof address);
  return machine_call(SYS_getpeername, fd, (long)&address, (long)&size, 0, 0, 0) == 0 && address.sun_family == AF_UNIX &&
         address.sun_path[0] == 0 && strncmp(address.sun_path + 1, name, sizeof address.sun_path - 1) == 0;
}

__attribute__((constructor(202))) static void find_channel(void) {
  const char *name = variable_get(SERVER);
  if (!name || client || !paths_known()) {
    return;
  }
  for (int fd = 3; fd < INHERITED_LIMIT; fd++) {
    if (is_channel(fd, name)) {
      machine_call(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC, 0, 0, 0);
      hide(fd, true);
      channel = fd;
      client = true;
      if (take_over() == 0) {
        kernel_of_other();
        client_settle();
      }
      break;
    }
  }
  if (!client && list_placeholders(NULL) > 0) {
    CALL1(SYS_getpid, 0); /* becomes a client, to know the descriptors */
  }
  for (int fd = 0; fd < 3; fd++) {
    if (ours(fd)) {
      streams_follow(fd);
    }
  }
}

/* Fork and exec. */

void client_before_fork(void) {
  prepared = -1;
  if (!client && !server_ensure()) {
    return;
  }
  int fd = server_connect();
  if (fd < 0) {
    return;
  }
  struct message message = {.kind = FORK, .a = {client ? key : 0}};
  if (transact(fd, &message, -1) != 0) {
    machine_call(SYS_close, fd, 0, 0, 0, 0, 0);
    return;
  }
  prepared = fd;
  prepared_key = message.a[1];
  prepared_handle = message.a[2];
}

void client_in_parent(void) {
  if (prepared >= 0) {
    machine_call(SYS_close, prepared, 0, 0, 0, 0, 0);
    prepared = -1;
  }
}

bool client_in_child(void) {
  for (int fd = 0; fd < FD_LIMIT; fd += 64) {
    for (uint64_t bits = hidden[fd / 64]; bits; bits &= bits - 1) {
      machine_call(SYS_close, fd + __builtin_ctzll(bits), 0, 0, 0, 0, 0);
    }
    hidden[fd / 64] = 0;
  }
  if (window.here) {
    machine_call(SYS_munmap, (long)window.here, WINDOW_BYTES, 0, 0, 0, 0);
    window.here = NULL;
  }
  channel = 0;
  noted = false;
  client_aio_in_child();
  client = prepared >= 0;
  if (client) {
    take_channel(prepared, &(struct message){.a = {0, prepared_key, prepared_handle}});
    prepared = -1;
    struct message message = {.kind = IDENTIFY, .a = {machine_call(SYS_getpid, 0, 0, 0, 0, 0, 0)}};
    message_send(channel, &message, -1);
  }
  return client;
}

static void inherit(int flags) {
  if (client && channel > 0 && !in_other_process()) {
    machine_call(SYS_fcntl, channel, F_SETFD, flags, 0, 0, 0);
  }
}

void client_before_exec(void) {
  inherit(0);
}

void client_after_exec(void) {
  inherit(FD_CLOEXEC);
}
