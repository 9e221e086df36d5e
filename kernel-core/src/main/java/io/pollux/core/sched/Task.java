// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import io.pollux.core.mm.AddressSpace;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.mm.SlabOwner;
import io.pollux.uapi.LinuxSource;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A thread of a process: the counterpart of task_struct, and what a system call knows as {@code current}.
 *
 * <p>A task is bound to the first Java thread that enters the kernel with it, for good. Everything in it
 * that is not volatile belongs to that thread.
 */
@LinuxSource(file = "include/linux/sched.h", name = "task_struct")
public final class Task extends SlabOwner {
  private static final int SIGKILL = 9;

  private static final VarHandle IN_KERNEL;

  static {
    try {
      IN_KERNEL = MethodHandles.lookup().findVarHandle(Task.class, "inKernel", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final UserProcess process;
  private final IovecIter iovecIter = new IovecIter();
  private volatile boolean inKernel;
  private final AtomicLong pendingSignals = new AtomicLong();
  private long blockedSignals; // by the task itself
  private volatile boolean killed;
  private @Nullable SleepHook plug;

  Task(UserProcess process) {
    this.process = process;
  }

  /**
   * Enters the kernel: binds the task to its thread and keeps the process alive meanwhile.
   *
   * @return false if the process is exiting or the task has exited; the caller must then return
   * @throws IllegalStateException if the task belongs to another thread
   */
  public boolean enterKernel() {
    if (!isCurrentThread() && !bindToThread()) {
      return false;
    }
    assert !inKernel : "a system call from inside a system call";
    inKernel = true; // volatile: pairs with exit, which first marks the process, then looks at this
    if (process.exiting()) {
      inKernel = false;
      return false;
    }
    return true;
  }

  /** Binds the task of a kernel thread, which is in the kernel all its life, to the calling thread. */
  public void enterKernelThread() {
    bindToThread();
  }

  /**
   * Cleans up after a call that threw: submits the plugged requests and drops the plug. By the task itself.
   */
  @LinuxSource(file = "kernel/exit.c", name = "do_exit")
  public void abandonCall() {
    SleepHook held = plug;
    if (held != null) {
      plug = null;
      held.flushBeforeSleep();
    }
  }

  /** Leaves the kernel. */
  public void leaveKernel() {
    IN_KERNEL.setRelease(this, false); // what the call did is seen by exit, which waits for this
    assert plug == null : "left the kernel with a plug"; // last: what went wrong in the call must not keep others out
  }

  /** Returns false if the task has exited. */
  private boolean bindToThread() {
    if (bind()) {
      return true;
    }
    if (released()) {
      return false;
    }
    throw new IllegalStateException("a task is one thread; make another with UserProcess.newTask");
  }

  /** Marks the thread as exited. */
  void exit() {
    release();
  }

  boolean inKernel() {
    return inKernel;
  }

  /**
   * The process.
   *
   * @return the process it is a thread of
   */
  public UserProcess process() {
    return process;
  }

  /**
   * The memory of the process ({@code current->mm}).
   *
   * @return its address space
   */
  public AddressSpace mm() {
    return process.mm();
  }

  /**
   * The descriptors of the process ({@code current->files}).
   *
   * @return its table
   */
  public TaskFiles files() {
    return process.files();
  }

  /**
   * An iterator for the request at hand, so that none is allocated. Nothing keeps it beyond the submission.
   *
   * @return the task's own
   */
  public IovecIter iovecIter() {
    return iovecIter;
  }

  /**
   * What the task holds back for a batch ({@code current->plug}).
   *
   * @return the plug, or null
   */
  public @Nullable SleepHook plug() {
    return plug;
  }

  /**
   * Sets or clears the plug.
   *
   * @param plug the plug, or null
   */
  public void setPlug(@Nullable SleepHook plug) {
    this.plug = plug;
  }

  /** Lets go of what others may wait for. To be called before anything that may sleep long. */
  public void aboutToSleep() {
    SleepHook held = plug;
    if (held != null) {
      held.flushBeforeSleep();
    }
  }

  /**
   * Sends a signal. If it is not blocked, whatever the task waits for is interrupted: the call answers EINTR.
   * From any thread.
   *
   * @param signal from 1 to 64
   */
  @LinuxSource(file = "kernel/signal.c", name = {"send_signal", "signal_wake_up"})
  public void sendSignal(int signal) {
    assert signal >= 1 && signal <= Long.SIZE : signal;
    pendingSignals.getAndUpdate(pending -> pending | 1L << (signal - 1));
    Thread sleeper = thread();
    if (sleeper != null) {
      LockSupport.unpark(sleeper);
    }
  }

  /**
   * Interrupts every current and future interruptible wait of the task. Called when its process exits or, for a kernel thread,
   * when its owner does. From any thread, also before the task has one.
   */
  @LinuxSource(file = "kernel/signal.c", name = "zap_other_threads")
  public void kill() {
    killed = true;
    sendSignal(SIGKILL);
  }

  /**
   * Whether a signal is pending that is not blocked.
   *
   * @return true if so
   */
  @LinuxSource(file = "include/linux/sched/signal.h", name = "signal_pending")
  public boolean signalPending() {
    return (pendingSignals.get() & ~blockedSignals) != 0 || killed;
  }

  /**
   * Replaces the mask of blocked signals. By the task itself.
   *
   * @param mask a bit for each signal, bit 0 for signal 1
   * @return the mask before
   */
  @LinuxSource(file = "kernel/signal.c", name = "set_user_sigmask")
  public long setBlockedSignals(long mask) {
    long before = blockedSignals;
    blockedSignals = mask & ~(1L << (SIGKILL - 1));
    return before;
  }

  /** Forgets pending signals that are not blocked, as their delivery does when a call returns. */
  @LinuxSource(file = "arch/x86/kernel/signal.c", name = "do_signal")
  public void deliverSignals() {
    if (pendingSignals.get() != 0) {
      pendingSignals.getAndUpdate(pending -> pending & blockedSignals);
    }
  }
}
