// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import io.pollux.core.Debug;
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
 * A thread of a process: struct task_struct, the {@code current} of a system call.
 *
 * <p>The first Java thread that enters the kernel with a task is bound to it permanently. That
 * thread owns all fields that are not volatile.
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
  private boolean kernelThread; // always in the kernel
  private final AtomicLong pendingSignals = new AtomicLong();
  private long blockedSignals; // written and read by the task itself
  private volatile boolean killed;
  private @Nullable SleepHook plug;
  private @Nullable ReturnHook returnHooks; // of the current call, the latest first
  private @Nullable Cred overridden; // used by the task itself
  private @Nullable TaskTarget target; // of the current call; used by the task itself
  private long traceId; // of the request that the task submits; only while trace points are on

  Task(UserProcess process) {
    this.process = process;
  }

  /**
   * Enters the kernel: binds the task to its thread, and keeps the process alive until {@link
   * #leaveKernel}.
   *
   * @return false if the process is exiting or the task has exited; the caller must then return
   * @throws IllegalStateException if the task belongs to another thread
   */
  public boolean enterKernel() {
    if (!isCurrentThread() && !bindToThread()) {
      return false;
    }
    assert !inKernel : "a system call from inside a system call";
    target = null;
    inKernel = true; // volatile: pairs with exit, which marks the process before it reads this
    if (process.exiting()) {
      inKernel = false;
      return false;
    }
    return true;
  }

  /**
   * Binds the task of a kernel thread to the calling thread. Such a task is always in the kernel.
   */
  public void enterKernelThread() {
    bindToThread();
    kernelThread = true;
  }

  /**
   * Cleans up after a call that threw: restores the credentials, submits the plugged requests and
   * drops the plug. By the task itself.
   */
  @LinuxSource(file = "kernel/exit.c", name = "do_exit")
  public void abandonCall() {
    overridden = null;
    SleepHook held = plug;
    if (held != null) {
      plug = null;
      held.flushBeforeSleep();
    }
  }

  /**
   * Sets what the current call works on from now on. By the task itself.
   *
   * @param next the filesystem whose methods are called next
   */
  public void setTarget(TaskTarget next) {
    target = next;
  }

  /**
   * Shuts down what the current call works on, because the call threw. By the task itself.
   *
   * @return a clause for the report, as {@link TaskTarget#shutDown}
   */
  public String shutDownTarget() {
    TaskTarget last = target;
    target = null;
    return last == null ? "" : last.shutDown();
  }

  /**
   * Sets the request that the task submits from now on, for trace points. By the task itself, only
   * while the points are on.
   *
   * @param id its identity, or 0 for none
   */
  public void setTraceId(long id) {
    traceId = id;
  }

  /** {@return what {@link #setTraceId} has set, which may be old} By the task itself. */
  public long traceId() {
    return traceId;
  }

  /** Leaves the kernel. */
  public void leaveKernel() {
    if (returnHooks != null) {
      runReturnHooks();
    }
    // release: exit waits for this and then sees what the call did
    IN_KERNEL.setRelease(this, false);
    // last: after a failed call the process must still be able to exit
    assert plug == null : "left the kernel with a plug";
  }

  private void runReturnHooks() {
    ReturnHook hook = returnHooks;
    returnHooks = null;
    while (hook != null) {
      hook.callReturns();
      hook = hook.next();
    }
  }

  /** Returns the latest hook of the current call, or null. By the task itself. */
  public @Nullable ReturnHook returnHooks() {
    return returnHooks;
  }

  /**
   * Adds a hook to the current call. By the task itself, inside the kernel.
   *
   * @param hook runs when the call returns
   */
  @LinuxSource(file = "kernel/task_work.c", name = "task_work_add")
  public void addReturnHook(ReturnHook hook) {
    assert inKernel : "no call to return";
    hook.setNext(returnHooks);
    returnHooks = hook;
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
   * Checks that the calling thread is this task's, and inside the kernel. Called at entry points if
   * {@link Debug#ON} is true.
   *
   * @throws AssertionError if it is not
   */
  public void checkInKernel() {
    if (!isCurrentThread()) {
      throw new AssertionError(
          "thread " + Thread.currentThread().getName() + " calls the kernel with the " + this);
    }
    if (!inKernel && !kernelThread) {
      throw new AssertionError(
          "a call from outside the kernel, by the " + this + "; call Task.enterKernel first");
    }
  }

  /** Returns the process of this thread. */
  public UserProcess process() {
    return process;
  }

  /** Returns the credentials of the calls of this task. By the task itself. */
  @LinuxSource(file = "include/linux/cred.h", name = "current_cred")
  public Cred cred() {
    Cred instead = overridden;
    return instead != null ? instead : process.cred();
  }

  /**
   * Replaces the credentials of this task until the end of a call. By the task itself.
   *
   * @param instead the credentials; null for those of the process again
   */
  @LinuxSource(file = "kernel/cred.c", name = "override_creds")
  public void overrideCred(@Nullable Cred instead) {
    overridden = instead;
  }

  /** Returns the memory of the process ({@code current->mm}). */
  public AddressSpace mm() {
    return process.mm();
  }

  /** Returns the descriptors of the process ({@code current->files}). */
  public TaskFiles files() {
    return process.files();
  }

  /**
   * Returns the task's reusable iterator for the current request. It is not used after the
   * submission.
   */
  public IovecIter iovecIter() {
    return iovecIter;
  }

  /** Returns the plug ({@code current->plug}), or null. */
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

  /**
   * Submits what the plug holds, because other threads may wait for it. Called before a long sleep.
   */
  public void aboutToSleep() {
    if (Debug.ON) {
      LockOrder.maySleep();
    }
    SleepHook held = plug;
    if (held != null) {
      held.flushBeforeSleep();
    }
  }

  /**
   * Sends a signal. If the task does not block it, an interruptible wait of the task returns EINTR.
   * From any thread.
   *
   * @param signal from 1 to 64
   */
  @LinuxSource(
      file = "kernel/signal.c",
      name = {"send_signal", "signal_wake_up"})
  public void sendSignal(int signal) {
    assert signal >= 1 && signal <= Long.SIZE : signal;
    pendingSignals.getAndUpdate(pending -> pending | 1L << (signal - 1));
    Thread sleeper = thread();
    if (sleeper != null) {
      LockSupport.unpark(sleeper);
    }
  }

  /**
   * Interrupts every current and future interruptible wait of the task. Called when its process
   * exits or, for a kernel thread, when its owner does. From any thread, also before the task is
   * bound to one.
   */
  @LinuxSource(file = "kernel/signal.c", name = "zap_other_threads")
  public void kill() {
    killed = true;
    sendSignal(SIGKILL);
  }

  /** Whether an unblocked signal is pending. */
  @LinuxSource(file = "include/linux/sched/signal.h", name = "signal_pending")
  public boolean signalPending() {
    return (pendingSignals.get() & ~blockedSignals) != 0 || killed;
  }

  /**
   * Replaces the mask of blocked signals. By the task itself.
   *
   * @param mask a bit for each signal, bit 0 for signal 1
   * @return the previous mask
   */
  @LinuxSource(file = "kernel/signal.c", name = "set_user_sigmask")
  public long setBlockedSignals(long mask) {
    long before = blockedSignals;
    blockedSignals = mask & ~(1L << (SIGKILL - 1));
    return before;
  }

  /** Clears unblocked pending signals, as their delivery does when a call returns. */
  @LinuxSource(file = "arch/x86/kernel/signal.c", name = "do_signal")
  public void deliverSignals() {
    if (pendingSignals.get() != 0) {
      pendingSignals.getAndUpdate(pending -> pending & blockedSignals);
    }
  }

  /**
   * Describes the task in one line, for a dump: its thread, and whether it is in the kernel, killed
   * or signalled. From any context; takes no lock.
   */
  @Override
  public String toString() {
    Thread bound = thread();
    if (bound == null) {
      return "task without a thread";
    }
    if (released()) {
      return "task of an exited thread";
    }
    StringBuilder text = new StringBuilder("task of thread ").append(bound.getName());
    if (inKernel) {
      text.append(", in the kernel");
    }
    if (killed) {
      text.append(", killed");
    }
    long signals = pendingSignals.get();
    if (signals != 0) {
      text.append(", pending signals 0x").append(Long.toHexString(signals));
    }
    if (plug != null) {
      text.append(", plugged");
    }
    return text.toString();
  }
}
