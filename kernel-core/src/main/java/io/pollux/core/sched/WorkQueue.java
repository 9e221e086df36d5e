// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import io.pollux.uapi.LinuxSource;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Kernel threads that do what its callers can't wait for: the counterpart of a workqueue_struct. Threads
 * start when there is work, and go when there has been none for a while. Of those that sleep the last to fall asleep is woken
 * first, so that the others can go.
 *
 * <p>Nothing is allocated for a work once there are as many threads as there ever are.
 */
@LinuxSource(file = "kernel/workqueue.c", name = "workqueue_struct")
public final class WorkQueue {
  private static final long IDLE_NANOS = 1_000_000_000;

  private final UserProcess process;
  private final String name;
  private final int maxWorkers;
  private final Object lock = new Object();
  private final Deque<Work> works = new ArrayDeque<>(); // under the lock, like what follows
  private @Nullable Worker asleep; // the last to fall asleep, and so on
  private int sleeping; // how many those are
  private int workers;

  /**
   * Makes a queue with no thread yet.
   *
   * @param process whose memory and descriptors the works see
   * @param name the name of its threads
   * @param maxWorkers threads at most, at least 1
   */
  public WorkQueue(UserProcess process, String name, int maxWorkers) {
    assert maxWorkers > 0 : maxWorkers;
    this.process = process;
    this.name = name;
    this.maxWorkers = maxWorkers;
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
      new Worker().thread.start();
    }
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
    private final Thread thread = new Thread(this::loop, name);
    private boolean sleeps; // under the lock: among those that can be woken
    private @Nullable Worker next; // under the lock

    Worker() {
      thread.setDaemon(true);
    }

    @LinuxSource(file = "kernel/workqueue.c", name = "worker_thread")
    private void loop() {
      Task task = process.newKernelTask();
      task.enterKernelThread();
      try {
        for (Work work = take(); work != null; work = take()) {
          work.run(task);
        }
      } finally {
        leave();
      }
    }

    /** Works that came after the last look, or that a work that failed leaves behind, are for another thread. */
    private void leave() {
      boolean another;
      synchronized (lock) {
        another = !works.isEmpty();
        if (!another) {
          workers--;
          lock.notifyAll();
        }
      }
      if (another) {
        new Worker().thread.start();
      }
    }

    /** The next work, or null if there has been none for a while. */
    private @Nullable Work take() {
      long since = System.nanoTime();
      long left = IDLE_NANOS;
      while (true) { // ends: with a work, or when time is up
        synchronized (lock) {
          Work work = works.poll();
          if (work != null || left <= 0) {
            if (sleeps) {
              remove(this);
            }
            return work;
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
