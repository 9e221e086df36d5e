/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls of other processes: children of fork and the programs that they execute.
 *
 * The process with the kernel listens at a socket whose name is in the environment. Each thread of another process has a
 * connection, and a thread here that makes its calls, one at a time. For the kernel a process exits when its last connection is
 * closed, for any reason.
 *
 * The acceptor also watches for connections that close during a call, and interrupts the call.
 */
#include "pollux.h"

#include <fcntl.h>
#include <jni.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define SERVER_STACK_BYTES (1l << 20)
#define MOST_CONNECTIONS 4096
#define PAUSE_MILLIS 20 /* between interrupts of a call whose connection is closed */
#define SIGNAL_OF_DEATH SIGKILL

struct connection {
  int fd;
  pid_t pid; /* 0: not known yet */
  int64_t key;
  int64_t handle;
  char *window;
  volatile bool finished; /* the thread is gone */
};

static __thread struct connection *served __attribute__((tls_model("initial-exec")));

static struct connection *connections[MOST_CONNECTIONS]; /* under the lock */
static int connection_count;                             /* likewise */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int listener = -1;
static volatile bool started;

bool serving(void) {
  return served != NULL;
}

/* Messages. */

bool message_send(int connection, const struct message *message, int fd) {
  char control[CMSG_SPACE(sizeof(int))];
  struct iovec data = {(void *)message, sizeof *message};
  struct msghdr header = {.msg_iov = &data, .msg_iovlen = 1};
  if (fd >= 0) {
    memset(control, 0, sizeof control);
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    struct cmsghdr *passed = CMSG_FIRSTHDR(&header);
    passed->cmsg_level = SOL_SOCKET;
    passed->cmsg_type = SCM_RIGHTS;
    passed->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(passed), &fd, sizeof fd);
  }
  long sent;
  do {
    sent = machine_call(SYS_sendmsg, connection, (long)&header, MSG_NOSIGNAL, 0, 0, 0);
  } while (sent == -EINTR);
  return sent == sizeof *message;
}

bool message_receive(int connection, struct message *message, int *fd) {
  char control[CMSG_SPACE(sizeof(int))];
  struct iovec data = {message, sizeof *message};
  struct msghdr header = {.msg_iov = &data, .msg_iovlen = 1};
  if (fd) {
    *fd = -1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
  }
  long received;
  do {
    received = machine_call(SYS_recvmsg, connection, (long)&header, MSG_CMSG_CLOEXEC, 0, 0, 0);
  } while (received == -EINTR);
  if (fd && received > 0) {
    struct cmsghdr *passed = CMSG_FIRSTHDR(&header);
    if (passed && passed->cmsg_type == SCM_RIGHTS && passed->cmsg_len == CMSG_LEN(sizeof(int))) {
      memcpy(fd, CMSG_DATA(passed), sizeof *fd);
    }
  }
  return received == sizeof *message;
}

/* The address of a name in the abstract namespace. Returns its length, or 0. */
static socklen_t address_of(const char *name, struct sockaddr_un *address) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  size_t length = strlen(name);
  if (length == 0 || length >= sizeof address->sun_path) {
    return 0;
  }
  memcpy(address->sun_path + 1, name, length);
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
}

/* Whether the process at the other end belongs to the same user. */
static bool is_own(int connection, pid_t *pid) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (machine_call(SYS_getsockopt, connection, SOL_SOCKET, SO_PEERCRED, (long)&peer, (long)&size, 0) != 0) {
    return false;
  }
  *pid = peer.pid;
  return peer.uid == 0 || peer.uid == (uid_t)machine_call(SYS_geteuid, 0, 0, 0, 0, 0, 0);
}

int server_connect(void) {
  const char *name = variable_get(SERVER);
  struct sockaddr_un address;
  socklen_t length = name ? address_of(name, &address) : 0;
  if (length == 0) {
    return -ENOENT;
  }
  int fd = (int)machine_call(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, 0, 0, 0);
  if (fd < 0) {
    return fd;
  }
  fd = out_of_the_way(fd);
  long result;
  pid_t unused;
  do {
    result = machine_call(SYS_connect, fd, (long)&address, length, 0, 0, 0);
  } while (result == -EINTR);
  if (result != 0 || !is_own(fd, &unused)) {
    machine_call(SYS_close, fd, 0, 0, 0, 0, 0);
    return result != 0 ? (int)result : -EACCES;
  }
  return fd;
}

/* What a call needs of the served process. */

int64_t ask_served(int64_t nr, int64_t a0, int64_t a1, int64_t a2) {
  struct message message = {.kind = ASK, .nr = nr, .a = {a0, a1, a2}};
  if (!message_send(served->fd, &message, -1) || !message_receive(served->fd, &message, NULL) || message.kind != REPLY) {
    return -EMFILE; /* it is gone */
  }
  return message.a[0];
}

int64_t window_probe(int64_t address, int64_t bytes, int64_t write) {
  (void)write;
  int64_t at = served && served->window ? address - (int64_t)(intptr_t)served->window : -1;
  return at < 0 || at >= WINDOW_BYTES ? 0 : bytes < WINDOW_BYTES - at ? bytes : WINDOW_BYTES - at;
}

/* One connection. */

static int64_t key_of(pid_t pid) {
  int64_t key = -1;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < connection_count; i++) {
    if (connections[i]->pid == pid) {
      key = connections[i]->key;
    }
  }
  pthread_mutex_unlock(&lock);
  return key >= 0 ? key : pid == owner ? 0 : -1;
}

static void drop_window(struct connection *connection) {
  if (connection->window) {
    machine_call(SYS_munmap, (long)connection->window, WINDOW_BYTES, 0, 0, 0, 0);
    connection->window = NULL;
  }
}

/* Maps the window that a process passes. The window is sealed, so that its pages cannot be removed. */
static int64_t map_window(struct connection *connection, int fd) {
  drop_window(connection);
  long seals = fd < 0 ? -EBADF : machine_call(SYS_fcntl, fd, F_GET_SEALS, 0, 0, 0, 0);
  if (seals < 0 || !(seals & F_SEAL_SHRINK) || machine_call(SYS_lseek, fd, 0, SEEK_END, 0, 0, 0) < WINDOW_BYTES) {
    return -EINVAL;
  }
  long at = machine_call(SYS_mmap, 0, WINDOW_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at < 0 && at >= -4095) {
    return at;
  }
  connection->window = (char *)at;
  return at;
}

static int64_t exec_keeps(struct connection *connection, int64_t count) {
  if (!connection->window || count < 0 || count > (int64_t)(WINDOW_BYTES / sizeof(int32_t))) {
    return -EINVAL;
  }
  return kernel_do(DO_KEEP, connection->key, connection->handle, (int64_t)(intptr_t)connection->window, count);
}

static void note(int64_t handle, int64_t what) {
  volatile int32_t done = 0;
  note_send(handle, what, &done);
  while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
    machine_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
  }
}

/* The first thread of a new process. */
static int64_t enroll(struct connection *connection, int64_t parent, pid_t pid) {
  connection->key = kernel_do(DO_SPAWN, parent, pid, 0, 0);
  if (connection->key < 0) {
    return connection->key;
  }
  connection->pid = pid;
  connection->handle = kernel_do(DO_JOIN, connection->key, 0, 0, 0);
  return connection->handle < 0 ? connection->handle : 0;
}

static int64_t serve_message(struct connection *connection, struct message *message, int fd) {
  switch (message->kind) {
    case FORK:
      return connection->handle ? -EINVAL : enroll(connection, message->a[0], 0);
    case SPAWN:
      return connection->handle ? -EINVAL : enroll(connection, key_of((pid_t)message->a[1]), (pid_t)message->a[0]);
    case JOIN:
      if (connection->handle) {
        return -EINVAL;
      }
      connection->key = message->a[0];
      connection->handle = kernel_do(DO_JOIN, message->a[0], 0, 0, 0);
      return connection->handle < 0 ? connection->handle : 0;
    case WINDOW:
      return map_window(connection, fd);
    case EXEC:
      return exec_keeps(connection, message->a[0]);
    case CALL:
      return connection->handle <= 0 ? -ESRCH
                                     : kernel_interface.call(connection->handle, message->nr, message->a[0], message->a[1],
                                                             message->a[2], message->a[3], message->a[4], message->a[5]);
    case FORGET:
      if (connection->handle > 0) {
        note(connection->handle, NOTE_FORGET);
      }
      return 0;
    default:
      return -EINVAL;
  }
}

static void serve_all(struct connection *connection) {
  struct message message;
  int fd;
  while (message_receive(connection->fd, &message, &fd)) {
    if (message.kind == NOTE) {
      note_send(message.a[0], message.a[1], NULL);
      continue;
    }
    if (message.kind == IDENTIFY) {
      connection->pid = (pid_t)message.a[0];
      continue;
    }
    struct message reply = {.kind = REPLY};
    reply.a[0] = serve_message(connection, &message, fd);
    reply.a[1] = connection->key;
    reply.a[2] = connection->handle;
    if (fd >= 0) {
      machine_call(SYS_close, fd, 0, 0, 0, 0, 0);
    }
    if (!message_send(connection->fd, &reply, -1)) {
      return;
    }
  }
}

static void *serve(void *argument) {
  served = argument;
  if (threads_attach_server() == 0) {
    serve_all(served);
    if (served->key > 0) {
      kernel_do(DO_DEPART, served->key, served->handle > 0 ? served->handle : 0, 0, 0);
    }
    threads_detach_server();
  }
  drop_window(served);
  machine_call(SYS_shutdown, served->fd, SHUT_RDWR, 0, 0, 0, 0);
  served->finished = true; /* the acceptor frees it */
  return NULL;
}

/* The acceptor. */

static void accept_one(void) {
  int fd = (int)machine_call(SYS_accept4, listener, 0, 0, SOCK_CLOEXEC, 0, 0);
  pid_t unused;
  if (fd < 0) {
    return;
  }
  fd = out_of_the_way(fd);
  struct connection *made = connection_count < MOST_CONNECTIONS && is_own(fd, &unused) ? calloc(1, sizeof *made) : NULL;
  if (made) {
    made->fd = fd;
    hide(fd, true);
    pthread_mutex_lock(&lock);
    connections[connection_count++] = made;
    pthread_mutex_unlock(&lock);
    if (machine_thread_with(serve, made, PTHREAD_STACK_MIN + SERVER_STACK_BYTES) == 0) {
      return;
    }
    made->finished = true;
    return;
  }
  machine_call(SYS_close, fd, 0, 0, 0, 0, 0);
}

/* Frees a connection whose thread has exited. If only the process has exited, interrupts its call. */
static void look_after(int i) {
  struct connection *connection = connections[i];
  if (!connection->finished) {
    if (connection->handle > 0) {
      note_send(connection->handle, SIGNAL_OF_DEATH, NULL);
    }
    return;
  }
  machine_call(SYS_close, connection->fd, 0, 0, 0, 0, 0);
  hide(connection->fd, false);
  free(connection);
  pthread_mutex_lock(&lock);
  connections[i] = connections[--connection_count];
  pthread_mutex_unlock(&lock);
}

static void *accept_all(void *unused) {
  (void)unused;
  static struct pollfd set[MOST_CONNECTIONS + 1];
  while (true) {
    int count = connection_count; /* only this thread changes it */
    for (int i = 0; i < count; i++) {
      set[i] = (struct pollfd){.fd = connections[i]->fd, .events = POLLRDHUP};
    }
    set[count] = (struct pollfd){.fd = listener, .events = POLLIN};
    if (machine_call(SYS_poll, (long)set, count + 1, -1, 0, 0, 0) < 0) {
      continue;
    }
    bool closed = false;
    for (int i = count - 1; i >= 0; i--) { /* backwards, because the last one takes a freed place */
      if (set[i].revents) {
        closed |= !connections[i]->finished;
        look_after(i);
      }
    }
    if (set[count].revents) {
      accept_one();
    } else if (closed) {
      machine_call(SYS_poll, (long)&set[count], 1, PAUSE_MILLIS, 0, 0, 0);
    }
  }
  return NULL;
}

/* Starting. */

/* Listens at a new name, which the environment then has. Returns a descriptor or a negative errno. */
static int listen_here(void) {
  char name[64];
  unsigned long random = 0;
  machine_call(SYS_getrandom, (long)&random, sizeof random, 0, 0, 0, 0);
  snprintf(name, sizeof name, "pollux-%ld-%016lx", machine_call(SYS_getpid, 0, 0, 0, 0, 0, 0), random);
  struct sockaddr_un address;
  socklen_t length = address_of(name, &address);
  int fd = (int)machine_call(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, 0, 0, 0);
  if (fd < 0) {
    return fd;
  }
  fd = out_of_the_way(fd);
  long result = machine_call(SYS_bind, fd, (long)&address, length, 0, 0, 0);
  result = result != 0 ? result : machine_call(SYS_listen, fd, SOMAXCONN, 0, 0, 0, 0);
  if (result != 0 || !variable_set(SERVER, name)) {
    machine_call(SYS_close, fd, 0, 0, 0, 0, 0);
    return result != 0 ? (int)result : -ENOMEM;
  }
  hide(fd, true);
  return fd;
}

bool server_ensure(void) {
  static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
  if (started || !kernel_is_here() || from_machine()) {
    return started;
  }
  pthread_mutex_lock(&once);
  if (!started) {
    listener = listener >= 0 ? listener : listen_here();
    started = listener >= 0 && machine_thread_with(accept_all, NULL, PTHREAD_STACK_MIN + (64 << 10)) == 0;
  }
  pthread_mutex_unlock(&once);
  return started;
}

void server_in_child(void) {
  if (listener >= 0) {
    machine_call(SYS_close, listener, 0, 0, 0, 0, 0);
  }
  for (int i = 0; i < connection_count; i++) { /* the parent's; closed there only when they end */
    machine_call(SYS_close, connections[i]->fd, 0, 0, 0, 0, 0);
  }
  connection_count = 0;
  listener = -1;
  started = false;
  pthread_mutex_init(&lock, NULL);
}

/*
 * A kernel for all processes of a program (--shared). This process runs the kernel, and a child executes the program. The process
 * ends with the program's status after the last process that uses the kernel.
 */
__attribute__((constructor(201))) static void host(void) {
  if (!getenv("POLLUX_SHARED") || !paths_known()) {
    return;
  }
  NEXT(unsetenv)("POLLUX_SHARED");
  listener = listen_here();
  pid_t child = listener < 0 ? -1 : NEXT(fork)();
  if (child < 0) {
    say("exec: --shared: no process for the kernel");
    _exit(2);
  }
  if (child == 0) {
    return; /* server_in_child has closed the listener */
  }
  static const int of_terminal[] = {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU}; /* for the program */
  for (size_t i = 0; i < sizeof of_terminal / sizeof *of_terminal; i++) {
    NEXT(signal)(of_terminal[i], SIG_IGN);
  }
  kernel_call(SYS_umask, 0, 0, 0, 0, 0, 0); /* starts the kernel */
  server_ensure();
  int status = 0;
  while (machine_call(SYS_wait4, child, (long)&status, 0, 0, 0, 0) == -EINTR) {
  }
  while (__atomic_load_n(&connection_count, __ATOMIC_RELAXED) > 0) {
    machine_call(SYS_poll, 0, 0, PAUSE_MILLIS, 0, 0, 0);
  }
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}
