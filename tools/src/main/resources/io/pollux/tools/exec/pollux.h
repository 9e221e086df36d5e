/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The library that is preloaded into a C program so that it runs on this kernel.
 *
 * It replaces the C library's functions that make file and aio calls. A call that concerns the kernel (a path below the mount
 * point, a descriptor of the kernel, an aio context) goes through kernel_call() to a Java virtual machine in this process. The
 * first such call starts the virtual machine. All other calls go to the C library unchanged.
 *
 *   kernel.c   entry to the kernel: start, calls, fork, exit
 *   vm.c       start of the virtual machine
 *   threads.c  threads: their kernel stacks, creation and exit
 *   signals.c  handlers of the program and the kernel; checks of memory that survive a fault
 *   masks.c    masks of signals, waiting for signals, jumps that restore a mask
 *   execs.c    exec and posix_spawn, which pass on masks and ignored signals
 *   paths.c    paths; open and similar
 *   cwd.c      the working directory and the umask
 *   status.c   stat, access, statfs and similar
 *   names.c    calls that make, change and remove names; temporary files
 *   attrs.c    calls that change modes, owners, times and extended attributes
 *   files.c    calls on descriptors
 *   dirs.c     opendir and similar
 *   stdio.c    fopen and similar
 *   inside.c   functions that make their calls inside the C library
 *   limits.c   the limits of the process
 *   variables.c  variables of the environment for executed programs
 *   libaio.c   libaio's functions
 *   server.c   calls of other processes in this process's kernel
 *   client.c   calls of this process in another process's kernel
 *   copies.c   the arguments of such calls
 *   clientaio.c  aio of this process if another one has the kernel
 *   apart.c    descriptors that the program does not see
 *   syscall.c  syscall(2)
 *
 * A descriptor of the kernel is also one of the host, where an empty placeholder has the same number. The two thus never
 * allocate the same number, and a call that this library does not replace returns EBADF.
 */
#ifndef POLLUX_H
#define POLLUX_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* Visible outside; the compiler's options hide everything else. */
#define EXPORT __attribute__((visibility("default")))

/* The C library's function of that name, looked up once. */
#define NEXT(name)                                                        \
  ({                                                                      \
    static __typeof__(&name) next_;                                       \
    __typeof__(&name) f_ = __atomic_load_n(&next_, __ATOMIC_RELAXED);     \
    if (!f_) {                                                            \
      f_ = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                    \
      __atomic_store_n(&next_, f_, __ATOMIC_RELAXED);                     \
    }                                                                     \
    f_;                                                                   \
  })

/* Whether a pointer is null, even if a header declares it nonnull. */
static inline bool is_null(const void *pointer) {
  __asm__("" : "+r"(pointer));
  return !pointer;
}

/* Descriptors of the kernel are below this. */
#define FD_LIMIT 65536

/*
 * The interface of C and Java. Guest has the same layout in Java. C sets the first part before the start; Java sets the last
 * member. The functions have as few signatures as possible, because Java needs a dozen classes for each.
 */
struct kernel_block {
  /* For Java. */
  int64_t (*machine)(int64_t nr, int64_t a0, int64_t a1, int64_t a2, int64_t a3, int64_t a4, int64_t a5); /* or an ASK_ number */
  int64_t (*apart)(int64_t nr, int64_t a0, int64_t a1, int64_t a2, int64_t a3, int64_t a4, int64_t a5);
  int64_t (*probe)(int64_t address, int64_t bytes, int64_t write);
  int64_t (*window_probe)(int64_t address, int64_t bytes, int64_t write); /* probe for a served process */
  int64_t note_fd; /* read end of a pipe of struct note */
  /* From Java: a system call of a thread, or one of the operations below in place of the thread. */
  int64_t (*call)(int64_t thread, int64_t nr, int64_t a0, int64_t a1, int64_t a2, int64_t a3, int64_t a4, int64_t a5);
};

/* Operations; the arguments follow. */
#define DO_ATTACH (-1)   /* returns a handle for the calling thread */
#define DO_SHUTDOWN (-2) /* syncs and unmounts; returns the exit status, 0 if successful */
/* Of other processes, see server.c. */
#define DO_SPAWN (-3)  /* parent, pid: the key of a new process */
#define DO_JOIN (-4)   /* key: the handle of a new thread */
#define DO_DEPART (-5) /* key, thread: a thread is gone */
#define DO_KEEP (-6)   /* key, thread, list, count: an exec keeps these descriptors */

/*
 * A note to the kernel outside calls: a signal for a thread in a call, or the exit of a thread. NOTE_FORGET clears earlier
 * signals, because the call has returned. Then *done is set to 1.
 */
#define NOTE_END 0
#define NOTE_FORGET 65
struct note {
  int64_t thread;
  int64_t what; /* a signal's number, or one of the above */
  volatile int32_t *done;
};

/* kernel.c */

/* The interface to Java, once the kernel runs. */
extern struct kernel_block kernel_interface;

/* Performs an operation. */
static inline int64_t kernel_do(int64_t operation, int64_t a0, int64_t a1, int64_t a2, int64_t a3) {
  return kernel_interface.call(operation, a0, a1, a2, a3, 0, 0, 0);
}

/* Placeholders in this process, or in the one that the thread serves. */
int64_t fd_reserve(int64_t from);
int64_t fd_reserve_at(int64_t at);
void fd_free(int64_t fd);

/* Makes a call of the kernel. Returns a result or a negative errno, as the kernel does. */
long kernel_call(long nr, long a0, long a1, long a2, long a3, long a4, long a5);

/* As kernel_call, with another signal mask during the call. A signal that it does not block interrupts the call. */
long kernel_call_masked(long nr, long a0, long a1, long a2, long a3, long a4, long a5, const void *mask);

/* Whether the kernel runs, in this process or in another that serves this one. */
bool kernel_running(void);

/* Called once this process has become a client. */
void kernel_of_other(void);

/* Whether the kernel runs in this process, and was not inherited by fork. */
bool kernel_is_here(void);

/*
 * Whether this is a child of vfork. It has its parent's memory, in which the kernel runs, but its own descriptors. Makes a
 * system call, so it is not called for each I/O.
 */
bool in_vfork_child(void);

/* Runs first after the thread leaves the kernel: delivers signals that arrived during the call. */
void after_signals(void);

/*
 * Moves a descriptor to a number that programs do not expect: 900 or above, or just below a smaller limit. Returns the new
 * number, or the old one if there is no room.
 */
int out_of_the_way(int fd);

/* Closes a range of the host's descriptors, except those that the kernel uses. */
int close_range_of_machine(unsigned first, unsigned last);

/* Stops the kernel, if it runs, before the process exits. If another thread exits the process meanwhile, it sleeps here. */
void kernel_shutdown(void);

/* Prints a line on standard error. The second exits the process with status 2. */
void say(const char *text);
_Noreturn void die(const char *text);

extern unsigned char fd_is_ours[FD_LIMIT];

static inline bool ours(int fd) {
  return (unsigned)fd < FD_LIMIT && fd_is_ours[fd];
}

/* Returns a result as a C library function does. */
static inline long answer(long result) {
  if (result < 0 && result >= -4095) {
    errno = (int)-result;
    return -1;
  }
  return result;
}

#define CALL6(nr, a, b, c, d, e, f) \
  kernel_call(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define CALL5(nr, a, b, c, d, e) CALL6(nr, a, b, c, d, e, 0)
#define CALL4(nr, a, b, c, d) CALL6(nr, a, b, c, d, 0, 0)
#define CALL3(nr, a, b, c) CALL6(nr, a, b, c, 0, 0, 0)
#define CALL2(nr, a, b) CALL6(nr, a, b, 0, 0, 0, 0)
#define CALL1(nr, a) CALL6(nr, a, 0, 0, 0, 0, 0)

/* Makes a system call of the host, bypassing all replaced functions. Returns a result or a negative errno. */
static inline long machine_call(long nr, long a0, long a1, long a2, long a3, long a4, long a5) {
  register long r10 __asm__("r10") = a3;
  register long r8 __asm__("r8") = a4;
  register long r9 __asm__("r9") = a5;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(nr), "D"(a0), "S"(a1), "d"(a2), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

/* The library's record of a thread. */
struct thread {
  int64_t handle;            /* as Java knows it; 0 before the first call */
  volatile int in_kernel;    /* in a call now: signals wait until it returns */
  volatile int entering;     /* about to enter a call; signals already wait */
  volatile uint64_t pending; /* signals that arrived, blocked until the call returns: bit 0 for signal 1 */
  volatile uint64_t held;    /* faults sent by a process, never blocked on the host, see signals.c */
  uint64_t blocked_faults;   /* faults that the program blocks in this thread */
  uint64_t outer_faults;     /* blocked_faults before the outermost running handler */
  int handlers;              /* number of running handlers, nested */
  uintptr_t alternate;       /* the stack that sigaltstack set */
  size_t alternate_size;     /* 0: none */
  char *stack;               /* the kernel stack, or null */
  char *stack_top;
  bool machines; /* a thread of the virtual machine, not of the program */
  int id;        /* gettid, since the first call */
  struct thread *next, *before; /* threads that have made a call */
};
extern __thread struct thread self __attribute__((tls_model("initial-exec")));

/* Whether signals wait for the thread to leave the kernel. */
static inline bool has_signals(void) {
  return __builtin_expect((self.pending | (self.held & ~self.blocked_faults)) != 0, 0);
}

/* Whether the caller is the virtual machine, in one of its threads or in a call by the program. */
static inline bool from_machine(void) {
  return self.machines || self.in_kernel;
}

/* The program's process. A child of vfork has another pid and its parent's memory. */
extern pid_t owner;

static inline bool in_other_process(void) {
  return (pid_t)machine_call(SYS_getpid, 0, 0, 0, 0, 0, 0) != owner;
}

/* server.c */

/*
 * Messages between a process without a kernel and the process with one. Each thread of the former has a connection, and makes one
 * call at a time. Memory that both map, the window, has the arguments that are not numbers.
 */
enum message_kind {
  FORK = 1, /* a[0]: the parent's key. The connection is for a child that is about to be forked. */
  SPAWN,    /* a[0]: pid, a[1]: the parent's pid. The sender was started without FORK. */
  JOIN,     /* a[0]: the key of the process. The connection is for another thread of it. */
  IDENTIFY, /* a[0]: pid of the forked child; has no reply */
  WINDOW,   /* with a descriptor. The reply is the server's address of the window. */
  EXEC,     /* a[0]: number of descriptors in the window. The reply is as of DO_KEEP. */
  CALL,     /* nr and a */
  NOTE,     /* a[0]: handle, a[1]: signal. The connection is for this only, and has no reply. */
  FORGET,   /* clears the signals that were noted */
  REPLY,    /* a[0]: result; a[1]: the key or handle, in replies to FORK, SPAWN and JOIN */
  ASK,      /* from the server during a call: a host call on the sender's descriptors, or an ASK_ number */
};
struct message {
  int64_t kind;
  int64_t nr;
  int64_t a[6];
};

/* Requests about placeholders: fd_reserve, fd_reserve_at, fd_free. */
#define ASK_RESERVE (-1)
#define ASK_RESERVE_AT (-2)
#define ASK_FREE (-3)

#define WINDOW_BYTES (1l << 20)
#define SERVER "POLLUX_SERVER" /* the environment variable with the name of the server's socket */

/* Whether the thread serves another process. */
bool serving(void);

/* Asks the served process for a call on its descriptors. */
int64_t ask_served(int64_t nr, int64_t a0, int64_t a1, int64_t a2);

/* Checks addresses against the window of the served process. */
int64_t window_probe(int64_t address, int64_t bytes, int64_t write);

/* Starts the server, if the kernel runs here, and names it in the environment. Returns whether it runs. */
bool server_ensure(void);

/* A connection to the server that the environment names, or a negative errno. */
int server_connect(void);

/* Sends and receives a message, with a descriptor to pass, or -1. False if the other side is gone. */
bool message_send(int connection, const struct message *message, int fd);
bool message_receive(int connection, struct message *message, int *fd);

/* Called in the child of a fork. */
void server_in_child(void);

/* client.c */

/* Whether another process has the kernel. */
bool is_client(void);

/* Becomes a client if the environment names a server. Returns 0, or a negative errno: there is none. */
long client_start(void);

/* Called once this process is known to be a client: the working directory and the umask. */
void client_settle(void);

/* A call in the kernel of another process. */
long client_call(long nr, long a0, long a1, long a2, long a3, long a4, long a5);

/* A signal arrived during the thread's call. From any context. */
void client_signal(int signal);

/* Called before the delivery of such signals. */
void client_forget(void);

/* The thread exits. */
void client_thread_ends(void);

/* Called around a fork. The child becomes a client if client_before_fork could prepare that. */
void client_before_fork(void);
void client_in_parent(void);
bool client_in_child(void);

/* Called before an exec, and after it failed. The new program takes over the connection. */
void client_before_exec(void);
void client_after_exec(void);

/* Whether a descriptor is the library's own, which the program cannot close. */
bool is_hidden(int fd);
void hide(int fd, bool hidden);

/* Performs what the server asks for. */
int64_t client_perform(int64_t nr, int64_t a0, int64_t a1, int64_t a2);

/* clientaio.c */

typedef long call_function(long nr, long a0, long a1, long a2, long a3, long a4, long a5);

/* An aio call, whose requests are made as calls of the kernel or the host. */
long client_aio(call_function *kernel, long nr, long a0, long a1, long a2, long a3, long a4);

/* Called in the child of a fork. */
void client_aio_in_child(void);

/* copies.c */

/* The window of a thread: where this process and the server have it. */
struct window_of_thread {
  char *here;
  int64_t there;
};

/* Makes a call with the arguments in the window: `send` transfers numbers only. A call with much data becomes several calls. */
long call_with_copies(const struct window_of_thread *window, long (*send)(long nr, const long a[6]), long nr, const long a[6]);

/* vm.c */

/* Starts the virtual machine and the kernel on the calling thread, or exits the process. */
void vm_start(void);

/* Exits the process, because the virtual machine does. */
_Noreturn void vm_did_not_start(void);

/* threads.c */

/* Set before a second thread of the program can exist, or a cancellation. Until then no call disables cancellation. */
extern bool cancellable;

/* Calls a function on another stack, whose top is aligned to 16 bytes. */
int64_t pollux_on_stack(int64_t a0, int64_t a1, int64_t a2, int64_t a3, int64_t a4, int64_t a5, int64_t a6, int64_t a7,
                        void *function, void *top);

/* Runs a library function that may need more stack than the program has. Signals are deferred until it returns. */
int64_t on_kernel_stack(int64_t (*function)(int64_t, int64_t, int64_t, int64_t), int64_t a0, int64_t a1, int64_t a2, int64_t a3);

/* Registers the calling thread with the kernel and allocates its kernel stack. Returns 0 or a negative errno. */
long thread_attach(void);

/* Passes the virtual machine, for attach. */
void threads_know(void *vm);

/* Attaches a thread that serves another process to the virtual machine. Returns 0 or a negative errno. */
long threads_attach_server(void);
void threads_detach_server(void);

/* Starts such a thread, which is detached. Returns 0 or an errno. */
int machine_thread_with(void *(*routine)(void *), void *argument, size_t stack);

/* Starts a thread like those of the virtual machine; joins it if `join` is set. Returns 0 or an errno. */
int machine_thread(void *(*routine)(void *), size_t stack, bool join);

/* Keeps interrupting host waits of the program's threads until the process exits. */
void threads_interrupt(void);

/* Called in the child of a fork. */
void threads_in_child(void);

/* signals.c */

/* Faults: signals that the virtual machine raises for its own use, and which must not be blocked. */
#define SIGNAL_BIT(signal) (1ull << ((signal) - 1))
#define FAULTS (SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGILL))

static inline uint64_t bits_of(const sigset_t *set) {
  uint64_t bits;
  memcpy(&bits, set, sizeof bits);
  return bits;
}

static inline void set_bits(sigset_t *set, uint64_t bits) {
  memcpy(set, &bits, sizeof bits);
}

/* Changes the calling thread's mask on the host. Returns the old mask. */
static inline uint64_t machine_mask(int how, uint64_t bits) {
  uint64_t before = 0;
  machine_call(SYS_rt_sigprocmask, how, (long)&bits, (long)&before, sizeof bits, 0, 0);
  return before;
}

/* Called before the virtual machine starts. From then on the library receives faults first. */
void signals_start(void);

/* Called around a fork, so that the child does not inherit a half-changed action. */
void signals_before_fork(void);
void signals_after_fork(void);

/* Called in the child of a fork: restores the program's actions on the host. */
void signals_in_child(void);

/* Called when a jump restores a mask saved outside of the running handlers. */
void signals_jump(sigset_t *mask);

/* Delivers held signals that are not blocked; takes one of a set. */
void signals_release(void);
void signals_take(int signal, siginfo_t *info);

/* Called before an exec: sets on the host what the new program inherits. The second undoes this if the exec fails. */
void signals_before_exec(void);
void signals_after_exec(void);

/* Sends Java a note. From any context, including signal handlers. */
void note_send(int64_t thread, int64_t what, volatile int32_t *done);

/* Returns how many bytes from the start of a range can be read, or read and written. Survives a fault. */
int64_t probe(int64_t address, int64_t bytes, int64_t write);

/* apart.c */

/*
 * Makes a host system call on descriptors of the second table. The call must not block. APART_TAKE passes a descriptor from the
 * program's table and returns its number in the second, or -EMFILE.
 */
int64_t apart(int64_t nr, int64_t a0, int64_t a1, int64_t a2, int64_t a3, int64_t a4, int64_t a5);

#define APART_TAKE (-1)

/* paths.c */

#define KERNEL_PATH_MAX 4200

/*
 * Whether a path is below the mount point, or relative to a directory of the kernel. Then *to is the kernel's path, possibly in
 * buffer. Otherwise *to is the host's path: the same, unless it leads through the mount and out again.
 */
bool below_mount(int dirfd, const char *path, char buffer[KERNEL_PATH_MAX], const char **to);

/* Whether a path is the mount point itself, which is known without a kernel. */
bool is_mount_point(const char *path);

/* As above, without the result; also true for a directory that may contain the mount point. */
bool may_lead_below(const char *path);

/* Whether there is a mount point. */
bool paths_known(void);

/* Converts a path of the kernel to the program's, in a buffer. Returns the new length, truncated to the room. */
size_t path_of_program(char *path, size_t length, size_t room);

void paths_init(void);

/* Whether the kernel's root is the mount point. */
bool root_is_bare(void);

/* Whether the host cannot read a path. */
bool is_wild(const char *path);

/* Whether a path is the name of a standard stream in /dev, a link to a link. */
bool is_standard_name(const char *path);

#define DESCRIPTORS "/proc/self/fd/" /* the kernel's name */

/* Whether a path is the kernel's. Stores the kernel's path in `kernel_path`, or the host's in `path`. */
#define IN_KERNEL(dirfd, path)      \
  char buffer_[KERNEL_PATH_MAX];    \
  const char *kernel_path;          \
  if (below_mount(dirfd, path, buffer_, &kernel_path) || ((path) = kernel_path, false))

/* names.c */

/* The path of a descriptor of the kernel, as the program's, without a 0. Returns its length or a negative errno. */
long path_of_descriptor(int fd, char *path, size_t room);

/* cwd.c */

/* The working directory as a path of the program, if it is the kernel's; else null. */
const char *directory_in_kernel(void);

/* getcwd(2). Returns a length or a negative errno. */
long pollux_getcwd(char *buffer, size_t size);

/* Whether the kernel of another process has a working directory for this one, which has just become its client. */
void cwd_take_over(bool has);

/* Passes the umask and the working directory to a kernel that has just started. */
void cwd_settle(long (*call)(long nr, long argument));

/* variables.c */

/* The value of one of the library's variables, or null. */
const char *variable_get(const char *name);

/* Sets a variable, or removes it if the value is null. */
bool variable_set(const char *name, const char *value);

/* Whether an environment is for a program that loads this library. */
bool variables_wanted(char *const environment[]);

/* Copies an environment with the variables to an array with room for a number of pointers. */
size_t variables_room(char *const environment[]);
void variables_add(char *const environment[], char **to);

void variables_init(void);

/* inside.c */

/* Whether this library's handler is installed for SIGSYS. It then manages the program's action. */
bool sigsys_is_ours(void);
int sigsys_action(const struct sigaction *action, struct sigaction *old);

/* stdio.c */

/* Called after a descriptor of a standard stream became the kernel's or the host's. */
void streams_follow(int fd);

/* Writes out the buffers of the kernel's streams. */
void streams_flush(void);

#endif
