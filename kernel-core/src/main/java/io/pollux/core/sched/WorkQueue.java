// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import io.pollux.core.Debug;
import io.pollux.core.Oops;
import io.pollux.uapi.LinuxSource;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Kernel threads that run work items for callers that cannot block: struct workqueue_struct.
 * Threads start when there is work and exit after a while without any. The thread that slept last
 * is woken first, so that the others can exit.
 *
 * <p>No work item is lost if the host cannot create a thread: existing threads run it, or the
 * rescuer that all queues share. If a work item throws, its thread reports an {@link Oops} and
 * continues with the next item.
 *
 * <p>The owner kills the queue at its end. A kill interrupts all current and future interruptible
 * waits of its work items.
 *
 * <p>A work item allocates nothing once the queue has reached its largest number of threads.
 */
@LinuxSource(file = "kernel/workqueue.c", name = "workqueue_struct")
public final class WorkQueue {
  private static final long IDLE_NANOS = 1_000_000_000;

  /** Queues with work items for which no thread could be created. */
  private static final BlockingQueue<WorkQueue> MAYDAYS = new LinkedBlockingQueue<>();

  private static final Object RESCUER_LOCK = new Object();
  private static boolean rescued; // under that lock: the rescuer runs

  private final UserProcess process;
  private final int maxWorkers;
  private final ThreadFactory threads;
  private final Object lock = new Object();
  private final Deque<Work> works = new ArrayDeque<>(); // under the lock, as all below
  private @Nullable Worker asleep; // the most recent sleeper; linked by next
  private int sleeping; // number of sleepers
  private int workers;
  private final List<Task> tasks = new ArrayList<>(); // the tasks of the threads
  private boolean killed;

  /**
   * Creates a queue without a thread.
   *
   * @param process owns the memory and descriptors that the work items use
   * @param name the name of its threads
   * @param maxWorkers maximum number of threads, at least 1
   * @throws OutOfMemoryError if the host cannot create the rescuer's thread, which the first queue
   *     starts
   */
  public WorkQueue(UserProcess process, String name, int maxWorkers) {
    this(process, maxWorkers, loop -> Thread.ofPlatform().daemon().name(name).unstarted(loop));
  }

  /**
   * Creates a queue without a thread.
   *
   * @param process owns the memory and descriptors that the work items use
   * @param maxWorkers maximum number of threads, at least 1
   * @param threads creates the threads without starting them
   * @throws OutOfMemoryError if the host cannot create the rescuer's thread, which the first queue
   *     starts
   */
  public WorkQueue(UserProcess process, int maxWorkers, ThreadFactory threads) {
    assert maxWorkers > 0 : maxWorkers;
    this.process = process;
    this.maxWorkers = maxWorkers;
    this.threads = threads;
    startRescuer();
  }

  /**
   * Starts the rescuer. In C each queue that must make progress has one. Here all queues share one,
   * started in advance.
   */
  private static void startRescuer() {
    synchronized (RESCUER_LOCK) {
      if (!rescued) {
        Thread.ofPlatform().daemon().name("work-rescuer").start(WorkQueue::rescuer);
        rescued = true;
      }
    }
  }

  /** A work item. */
  @FunctionalInterface
  @LinuxSource(file = "include/linux/workqueue.h", name = "work_struct")
  public interface Work {
    /**
     * Runs the item. In process context, by a kernel thread; may sleep.
     *
     * @param current the thread's task
     */
    void run(Task current);
  }

  /**
   * Queues a work item. From any context.
   *
   * @param work the item
   */
  @LinuxSource(file = "kernel/workqueue.c", name = "queue_work")
  public void queue(Work work) {
    Worker woken;
    boolean another = false;
    lockdep();
    synchronized (lock) {
      works.add(work);
      woken = asleep;
      if (woken != null) {
        remove(woken);
      } else if (workers < maxWorkers) {
        workers++;
        another = true;
      }
    }
    if (woken != null) {
      LockSupport.unpark(woken.thread);
    } else if (another) {
      createWorker();
    }
  }

  /** Starts a thread that is already counted. */
  @LinuxSource(
      file = "kernel/workqueue.c",
      name = {"create_worker", "maybe_create_worker"})
  private void createWorker() {
    try {
      new Worker().thread.start();
    } catch (OutOfMemoryError e) { // "unable to create native thread"
      notStarted();
    }
  }

  /**
   * Handles a failed thread start. Other threads check for work before they exit; if there are
   * none, the rescuer runs the items.
   */
  @LinuxSource(file = "kernel/workqueue.c", name = "send_mayday")
  private void notStarted() {
    boolean alone;
    lockdep();
    synchronized (lock) {
      alone = workers == 1;
      if (!alone) {
        workers--;
        lock.notifyAll();
      }
    }
    if (alone) {
      MAYDAYS.add(this); // the rescuer is counted in its place
    }
  }

  @LinuxSource(file = "kernel/workqueue.c", name = "rescuer_thread")
  private static void rescuer() {
    while (true) { // never ends, as the queues
      try {
        MAYDAYS.take().rescue();
      } catch (InterruptedException e) {
        // A work item has interrupted its thread. The interrupt is over.
      }
    }
  }

  /** Runs all queued items. By the rescuer, which counts as a thread of the queue meanwhile. */
  private void rescue() {
    Task task = begin();
    Work work = next(task);
    while (work != null) {
      task = run(work, task);
      work = next(task);
    }
  }

  /** Creates a task for the calling thread, which then runs work items. */
  private Task begin() {
    Task task = process.newKernelTask();
    task.enterKernelThread();
    lockdep();
    synchronized (lock) {
      tasks.add(task);
      if (killed) {
        task.kill();
      }
    }
    return task;
  }

  /** Returns the next item, or null; the thread must then exit. */
  private @Nullable Work next(Task task) {
    lockdep();
    synchronized (lock) {
      Work work = works.poll();
      if (work == null) {
        tasks.remove(task);
        workers--;
        lock.notifyAll();
      }
      return work;
    }
  }

  /** Runs an item. Returns the task for the next item: a new one if this item threw. */
  private Task run(Work work, Task task) {
    try {
      work.run(task);
      return task;
    } catch (Throwable e) {
      Oops.report(
          "a work of " + Thread.currentThread().getName(),
          e,
          "the thread goes on with the next work");
      lockdep();
      synchronized (lock) {
        tasks.remove(task);
      }
      return begin();
    }
  }

  /**
   * Interrupts all current and future waits of work items. Called by the queue's only owner, a
   * context or a process, at its end. From any thread.
   */
  public void kill() {
    lockdep();
    synchronized (lock) {
      killed = true;
      for (Task task : tasks) {
        task.kill();
      }
    }
  }

  /**
   * Runs the unstarted work items of a killed queue on the calling thread, so that they need no
   * other thread. Started items may still run when this returns. From process context, not from a
   * work item.
   */
  public void drain() {
    lockdep();
    synchronized (lock) {
      assert killed : "a queue that lives";
      if (works.isEmpty()) {
        return;
      }
      workers++;
    }
    rescue();
  }

  /** Waits until all queued items have run. From process context, not from a work item. */
  @LinuxSource(file = "kernel/workqueue.c", name = "flush_workqueue")
  public void flush() {
    boolean interrupted = false;
    lockdep();
    synchronized (lock) {
      while (!works.isEmpty() || workers > sleeping) {
        try {
          lock.wait();
        } catch (InterruptedException e) {
          interrupted = true; // restored below
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void lockdep() {
    if (Debug.ON) {
      LockOrder.enter(LockClass.WORK_QUEUE, lock);
    }
  }

  /** Removes a sleeper. Under the lock. */
  private void remove(Worker worker) {
    if (asleep == worker) {
      asleep = worker.next;
    } else {
      Worker before = asleep;
      while (before != null && before.next != worker) { // bounded by the number of sleeping threads
        before = before.next;
      }
      assert before != null : "not asleep";
      before.next = worker.next;
    }
    worker.next = null;
    worker.sleeps = false;
    sleeping--;
  }

  /** A thread of the queue. */
  @LinuxSource(file = "kernel/workqueue_internal.h", name = "worker")
  private final class Worker {
    private final Thread thread = threads.newThread(this::loop);
    private boolean sleeps; // under the lock: whether the thread is in the list of sleepers
    private @Nullable Worker next; // under the lock

    @LinuxSource(file = "kernel/workqueue.c", name = "worker_thread")
    private void loop() {
      try {
        Task task = begin();
        for (Work work = take(task); work != null; work = take(task)) {
          task = WorkQueue.this.run(work, task);
        }
      } catch (Throwable e) { // an exception of this class, or no memory for a task
        Oops.report(Thread.currentThread().getName(), e, "another thread does its works");
        notStarted();
      }
    }

    /**
     * Returns the next item. Returns null after an idle time; the thread is then no longer counted.
     */
    private @Nullable Work take(Task task) {
      long since = System.nanoTime();
      long left = IDLE_NANOS;
      while (true) { // ends: with an item, or when the idle time is over
        lockdep();
        synchronized (lock) {
          if (!works.isEmpty() || left <= 0) {
            if (sleeps) {
              remove(this);
            }
            return next(task);
          }
          if (!sleeps) {
            sleeps = true;
            next = asleep;
            asleep = this;
            sleeping++;
            lock.notifyAll();
          }
        }
        LockSupport.parkNanos(WorkQueue.this, left);
        left = Thread.interrupted() ? 0 : IDLE_NANOS - (System.nanoTime() - since);
      }
    }
  }
}
