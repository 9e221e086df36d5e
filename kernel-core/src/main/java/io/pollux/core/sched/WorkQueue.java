// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

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
 * Kernel threads that do what its callers can't wait for: the counterpart of a workqueue_struct. Threads
 * start when there is work, and go when there has been none for a while. Of those that sleep the last to fall asleep is woken
 * first, so that the others can go.
 *
 * <p>No work item is lost if the host cannot create a thread: existing threads run it, or the rescuer that all queues share. If a
 * work item throws, its thread reports an {@link Oops} and continues with the next item.
 *
 * <p>The owner kills the queue at its end. A kill interrupts all current and future interruptible waits of its work items.
 *
 * <p>Nothing is allocated for a work once there are as many threads as there ever are.
 */
@LinuxSource(file = "kernel/workqueue.c", name = "workqueue_struct")
public final class WorkQueue {
  private static final long IDLE_NANOS = 1_000_000_000;

  /** Queues with works and no thread to be had. */
  private static final BlockingQueue<WorkQueue> MAYDAYS = new LinkedBlockingQueue<>();

  private static final Object RESCUER_LOCK = new Object();
  private static boolean rescued; // under that lock: the rescuer runs

  private final UserProcess process;
  private final int maxWorkers;
  private final ThreadFactory threads;
  private final Object lock = new Object();
  private final Deque<Work> works = new ArrayDeque<>(); // under the lock, like what follows
  private @Nullable Worker asleep; // the last to fall asleep, and so on
  private int sleeping; // how many those are
  private int workers;
  private final List<Task> tasks = new ArrayList<>(); // of the threads
  private boolean killed;

  /**
   * Creates a queue without a thread.
   *
   * @param process whose memory and descriptors the work items use
   * @param name the name of its threads
   * @param maxWorkers threads at most, at least 1
   * @throws OutOfMemoryError if the host cannot create the rescuer's thread, which the first queue starts
   */
  public WorkQueue(UserProcess process, String name, int maxWorkers) {
    this(process, maxWorkers, loop -> Thread.ofPlatform().daemon().name(name).unstarted(loop));
  }

  /**
   * Creates a queue without a thread.
   *
   * @param process whose memory and descriptors the work items use
   * @param maxWorkers threads at most, at least 1
   * @param threads creates the threads without starting them
   * @throws OutOfMemoryError if the host cannot create the rescuer's thread, which the first queue starts
   */
  public WorkQueue(UserProcess process, int maxWorkers, ThreadFactory threads) {
    assert maxWorkers > 0 : maxWorkers;
    this.process = process;
    this.maxWorkers = maxWorkers;
    this.threads = threads;
    startRescuer();
  }

  /** Starts the rescuer. In C each queue that must make progress has one. Here all queues share one, started in advance. */
  private static void startRescuer() {
    synchronized (RESCUER_LOCK) {
      if (!rescued) {
        Thread.ofPlatform().daemon().name("work-rescuer").start(WorkQueue::rescuer);
        rescued = true;
      }
    }
  }

  /** Something to do. */
  @FunctionalInterface
  @LinuxSource(file = "include/linux/workqueue.h", name = "work_struct")
  public interface Work {
    /**
     * Does it. In process context, by a kernel thread; may sleep.
     *
     * @param current the thread's task
     */
    void run(Task current);
  }

  /**
   * Queues a work. From any context.
   *
   * @param work what to do
   */
  @LinuxSource(file = "kernel/workqueue.c", name = "queue_work")
  public void queue(Work work) {
    Worker woken;
    boolean another = false;
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

  /** Starts a thread, which is counted already. */
  @LinuxSource(file = "kernel/workqueue.c", name = {"create_worker", "maybe_create_worker"})
  private void createWorker() {
    try {
      new Worker().thread.start();
    } catch (OutOfMemoryError e) { // "unable to create native thread"
      notStarted();
    }
  }

  /** Other threads look for works before they go. If there is none, the rescuer does them. */
  @LinuxSource(file = "kernel/workqueue.c", name = "send_mayday")
  private void notStarted() {
    boolean alone;
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
    while (true) { // like the queues, it has no end
      try {
        MAYDAYS.take().rescue();
      } catch (InterruptedException e) {
        // A work interrupted its thread, and that is over.
      }
    }
  }

  /** Does all works that there are. By the rescuer, which counts as a thread of the queue until it has done them. */
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
    synchronized (lock) {
      tasks.add(task);
      if (killed) {
        task.kill();
      }
    }
    return task;
  }

  /** The next work for a thread that goes if there is none. */
  private @Nullable Work next(Task task) {
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

  /** Does a work. Answers the task for the next: another one if this one was left in the middle of something. */
  private Task run(Work work, Task task) {
    try {
      work.run(task);
      return task;
    } catch (Throwable e) {
      Oops.report("a work of " + Thread.currentThread().getName(), e, "the thread goes on with the next work");
      synchronized (lock) {
        tasks.remove(task);
      }
      return begin();
    }
  }

  /**
   * Interrupts all current and future waits of work items. Called by the queue's only owner, a context or a process, at its end.
   * From any thread.
   */
  public void kill() {
    synchronized (lock) {
      killed = true;
      for (Task task : tasks) {
        task.kill();
      }
    }
  }

  /**
   * Runs the unstarted work items of a killed queue on the calling thread, so that they need no other thread. Started items may
   * still run when this returns. From process context, not from a work item.
   */
  public void drain() {
    synchronized (lock) {
      assert killed : "a queue that lives";
      if (works.isEmpty()) {
        return;
      }
      workers++;
    }
    rescue();
  }

  /** Waits until everything that was queued is done. From process context, not from a work. */
  @LinuxSource(file = "kernel/workqueue.c", name = "flush_workqueue")
  public void flush() {
    boolean interrupted = false;
    synchronized (lock) {
      while (!works.isEmpty() || workers > sleeping) {
        try {
          lock.wait();
        } catch (InterruptedException e) {
          interrupted = true; // told afterwards
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Under the lock. */
  private void remove(Worker worker) {
    if (asleep == worker) {
      asleep = worker.next;
    } else {
      Worker before = asleep;
      while (before != null && before.next != worker) { // as many steps as threads sleep
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
    private boolean sleeps; // under the lock: among those that can be woken
    private @Nullable Worker next; // under the lock

    @LinuxSource(file = "kernel/workqueue.c", name = "worker_thread")
    private void loop() {
      try {
        Task task = begin();
        for (Work work = take(task); work != null; work = take(task)) {
          task = WorkQueue.this.run(work, task);
        }
      } catch (Throwable e) { // in this class, or no memory for a task
        Oops.report(Thread.currentThread().getName(), e, "another thread does its works");
        notStarted();
      }
    }

    /** The next work, or null if there has been none for a while: then the thread does not count any more. */
    private @Nullable Work take(Task task) {
      long since = System.nanoTime();
      long left = IDLE_NANOS;
      while (true) { // ends: with a work, or when time is up
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
