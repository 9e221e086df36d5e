// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import io.pollux.core.Oops;
import io.pollux.core.mm.AddressSpace;
import io.pollux.core.mm.IoctxTable;
import io.pollux.core.mm.WindowSpace;
import io.pollux.uapi.Capability;
import io.pollux.uapi.LinuxSource;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/** A process: memory, descriptors and limits that its tasks share. */
@LinuxSource(file = "include/linux/sched/signal.h", name = "signal_struct")
public final class UserProcess {
  /** Default of RLIMIT_MEMLOCK in bytes, as for root. */
  private static final long MEMLOCK_UNLIMITED = Long.MAX_VALUE;

  private static final long EXIT_PAUSE_NANOS = 50_000;

  // The states of a process, in their order.
  private static final int RUNNING = 0;
  private static final int KILLED = 1;
  private static final int EXITING = 2;

  private final AddressSpace mm;
  private final TaskFiles files;
  private final List<Task> tasks = new CopyOnWriteArrayList<>();
  private final AtomicInteger state = new AtomicInteger(RUNNING);
  private volatile Cred cred = Cred.ROOT;
  private volatile long memlockLimit = MEMLOCK_UNLIMITED;
  private volatile long memlockMax = MEMLOCK_UNLIMITED;

  /** Creates a process without tasks, memory or descriptors. */
  public UserProcess() {
    this(new WindowSpace(), TaskFiles.NONE);
  }

  /**
   * Creates a process without tasks.
   *
   * @param mm its memory; closed when it exits
   * @param files its descriptors
   */
  public UserProcess(AddressSpace mm, TaskFiles files) {
    this.mm = mm;
    this.files = files;
  }

  /** Creates a task of this process that is not bound to a thread. */
  public Task newTask() {
    Task task = new Task(this);
    tasks.add(task);
    return task;
  }

  /**
   * Removes an exited thread from the process. Its later calls are refused. From any thread. A
   * second call does nothing.
   *
   * @param task its task, not in the kernel
   */
  @LinuxSource(file = "kernel/exit.c", name = "release_task")
  public void releaseTask(Task task) {
    assert !task.inKernel() : "a thread ended inside a system call";
    task.exit();
    tasks.remove(task);
  }

  /** Returns the number of live threads, for leak checks. */
  @LinuxSource(file = "include/linux/sched/signal.h", name = "nr_threads")
  public int nrThreads() {
    return tasks.size();
  }

  /**
   * Lists the live threads, for a dump. From any context; takes no lock.
   *
   * @return a line for each task
   */
  public List<String> describe() {
    return tasks.stream().map(Task::toString).toList();
  }

  /**
   * Creates a task for a kernel thread that uses this process's memory and descriptors (use_mm).
   * Process exit does not wait for it: the owner of the thread stops it.
   */
  @LinuxSource(file = "mm/mmu_context.c", name = "use_mm")
  public Task newKernelTask() {
    return new Task(this);
  }

  /** Returns the memory. */
  public AddressSpace mm() {
    return mm;
  }

  /** Returns the descriptors. */
  public TaskFiles files() {
    return files;
  }

  /** Returns the soft limit of RLIMIT_MEMLOCK in bytes, Long.MAX_VALUE for none. */
  public long memlockLimit() {
    return memlockLimit;
  }

  /**
   * Sets the soft limit of RLIMIT_MEMLOCK. Raises the hard limit if necessary.
   *
   * @param bytes the limit, Long.MAX_VALUE for none
   */
  public void setMemlockLimit(long bytes) {
    setMemlockLimit(bytes, Math.max(bytes, memlockMax));
  }

  /** Returns the hard limit of RLIMIT_MEMLOCK in bytes, Long.MAX_VALUE for none. */
  public long memlockMax() {
    return memlockMax;
  }

  /**
   * Sets both limits of RLIMIT_MEMLOCK.
   *
   * @param bytes the soft limit, Long.MAX_VALUE for none
   * @param max the hard limit, at least as much
   */
  public void setMemlockLimit(long bytes, long max) {
    assert bytes >= 0 && bytes <= max : bytes;
    memlockLimit = bytes;
    memlockMax = max;
  }

  /** Returns the credentials of the process, which its threads share. */
  @LinuxSource(file = "include/linux/cred.h", name = "current_cred")
  public Cred cred() {
    return cred;
  }

  /**
   * Replaces the credentials. From any thread; a call in progress may use either.
   *
   * @param cred the credentials
   */
  @LinuxSource(file = "kernel/cred.c", name = "commit_creds")
  public void setCred(Cred cred) {
    this.cred = cred;
  }

  /** Whether the process may administrate the system, as root may: CAP_SYS_ADMIN. */
  @LinuxSource(file = "kernel/capability.c", name = "capable")
  public boolean capable() {
    return cred.capable(Capability.CAP_SYS_ADMIN);
  }

  /** Drops all capabilities permanently, and keeps the IDs. From any thread. */
  public void dropPrivileges() {
    cred = cred.withoutCapabilities();
  }

  /**
   * Returns whether {@link #kill} or {@link #exit} was called. No system call starts after that.
   */
  public boolean exiting() {
    return state.get() != RUNNING;
  }

  /**
   * Kills the process: refuses further system calls, and interrupts the waits of running ones. Does
   * not wait for them. The process keeps its memory, files and contexts until {@link #exit}. From
   * any thread.
   */
  @LinuxSource(file = "kernel/signal.c", name = "do_send_sig_info")
  public void kill() {
    state.compareAndSet(RUNNING, KILLED);
    killTasks(); // after the state: a task that enters later sees the state
  }

  /**
   * Exits the process: interrupts its tasks and waits until they have left the kernel, then
   * destroys its aio contexts. Closes its files and frees its memory. Not from one of its own
   * system calls. A second call does nothing.
   */
  @LinuxSource(file = "kernel/exit.c", name = "do_exit")
  public void exit() {
    if (state.getAndSet(EXITING) == EXITING) {
      return;
    }
    // bounded: a kill interrupts each interruptible wait; other waits are for such a wait or for a
    // device
    while (killTasks()) {
      LockSupport.parkNanos(EXIT_PAUSE_NANOS);
    }
    IoctxTable contexts = mm.ioctxTable();
    if (contexts != null) {
      Oops.contain("the end of a process, its contexts", contexts::exitAio);
    }
    Task last = newKernelTask(); // closing may sleep
    last.enterKernelThread();
    Oops.contain("the end of a process, its files", () -> files.closeAll(last));
    mm.close();
  }

  /**
   * Kills all tasks in the kernel, because one may wait for another. Returns whether there were
   * any.
   */
  @LinuxSource(file = "kernel/signal.c", name = "zap_other_threads")
  private boolean killTasks() {
    boolean any = false;
    for (Task task : tasks) {
      if (task.inKernel()) {
        task.kill();
        any = true;
      }
    }
    return any;
  }
}
