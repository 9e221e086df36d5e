// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.aio.Aio;
import io.pollux.core.Oops;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.List;

/**
 * A user program's interface to the kernel: one thread of a process, and its system calls. The
 * first call binds the thread to the calling Java thread. Another thread of the same process needs
 * {@link #newThread}.
 */
public final class Program implements AutoCloseable {
  private final Kernel kernel;
  private final UserProcess process;
  private final Task task;
  private final SyscallTable table;
  private final boolean first; // the first thread of the process

  Program(Kernel kernel, UserProcess process, Task task) {
    this(kernel, process, task, true);
  }

  private Program(Kernel kernel, UserProcess process, Task task, boolean first) {
    this.kernel = kernel;
    this.process = process;
    this.task = task;
    this.table = new SyscallTable(kernel);
    this.first = first;
  }

  /**
   * Makes a system call.
   *
   * @param nr number of the call, see {@link io.pollux.uapi.Nr}; any value, as for all arguments
   * @param a0 first argument
   * @param a1 second argument
   * @param a2 third argument
   * @param a3 fourth argument
   * @param a4 fifth argument
   * @param a5 sixth argument
   * @return a result that is not negative, or a negative errno; -ESRCH after the process or the
   *     thread has exited
   */
  public long syscall(int nr, long a0, long a1, long a2, long a3, long a4, long a5) {
    if (!task.enterKernel()) {
      return -Errno.ESRCH;
    }
    try {
      return table.call(task, nr, a0, a1, a2, a3, a4, a5);
    } catch (Throwable e) { // a failure of the kernel, a filesystem or a driver, not of the program
      Oops.report("system call " + nr, e, "the call fails with EIO" + task.shutDownTarget());
      task.abandonCall();
      return -Errno.EIO;
    } finally {
      task.deliverSignals();
      task.leaveKernel();
    }
  }

  /**
   * Makes a system call with up to four arguments; the others are 0.
   *
   * @param nr number of the call
   * @param a0 first argument
   * @param a1 second argument
   * @param a2 third argument
   * @param a3 fourth argument
   * @return as {@link #syscall(int, long, long, long, long, long, long)}
   */
  public long syscall(int nr, long a0, long a1, long a2, long a3) {
    return syscall(nr, a0, a1, a2, a3, 0, 0);
  }

  /**
   * Makes a system call with three arguments; the others are 0.
   *
   * @param nr number of the call
   * @param a0 first argument
   * @param a1 second argument
   * @param a2 third argument
   * @return as {@link #syscall(int, long, long, long, long, long, long)}
   */
  public long syscall(int nr, long a0, long a1, long a2) {
    return syscall(nr, a0, a1, a2, 0, 0, 0);
  }

  /**
   * Makes a system call with two arguments; the others are 0.
   *
   * @param nr number of the call
   * @param a0 first argument
   * @param a1 second argument
   * @return as {@link #syscall(int, long, long, long, long, long, long)}
   */
  public long syscall(int nr, long a0, long a1) {
    return syscall(nr, a0, a1, 0, 0, 0, 0);
  }

  /**
   * Makes a system call with one argument; the others are 0.
   *
   * @param nr number of the call
   * @param a0 the argument
   * @return as {@link #syscall(int, long, long, long, long, long, long)}
   */
  public long syscall(int nr, long a0) {
    return syscall(nr, a0, 0, 0, 0, 0, 0);
  }

  /**
   * Creates another thread of the same process.
   *
   * @return the thread; closing it or the process terminates it
   */
  public Program newThread() {
    return new Program(kernel, process, process.newTask(), false);
  }

  /**
   * Removes an exited thread from the process. Not while the thread is in a call. From any thread.
   */
  public void threadEnded() {
    process.releaseTask(task);
  }

  /**
   * Sends a signal to the thread. Its handler does nothing: a blocked call returns EINTR, unless
   * the signal is masked. From any thread.
   *
   * @param signal from 1 to 64
   */
  public void sendSignal(int signal) {
    task.sendSignal(signal);
  }

  /**
   * Kills the process, as SIGKILL does: its interruptible waits return, and its later calls fail
   * with ESRCH. Returns at once. The process keeps its memory and files until {@link #close}. From
   * any thread.
   */
  public void kill() {
    process.kill();
  }

  /**
   * Whether the process was killed or has exited, so that its calls fail with ESRCH. After close
   * its memory must not be accessed. From any thread.
   */
  public boolean hasEnded() {
    return process.exiting();
  }

  /** Clears all pending signals. Not while the thread is in a call. */
  public void forgetSignals() {
    task.deliverSignals();
  }

  /**
   * Returns the number of pages that the process has pinned, times references. It is 0 if no I/O is
   * in flight and no context exists.
   */
  public long pinnedPages() {
    return process.mm().pinnedPages();
  }

  /** Lists the tasks and the aio contexts of the process, for a dump. From any thread. */
  List<String> describe() {
    List<String> lines = new ArrayList<>(process.describe());
    lines.addAll(Aio.describe(process.mm()));
    return lines;
  }

  /**
   * Terminates the process with all its threads or, if {@link #newThread} created this object, only
   * that thread. Not from one of its own calls. A second call does nothing.
   */
  @Override
  public void close() {
    if (!first) {
      threadEnded();
      return;
    }
    try {
      process.exit();
    } finally {
      kernel.ended(this);
    }
  }
}
