// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import io.pollux.uapi.LinuxSource;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Kernel threads that do what its callers can't wait for: the counterpart of a workqueue_struct. Threads
 * start when there is work, and go when there has been none for a while.
 */
@LinuxSource(file = "kernel/workqueue.c", name = "workqueue_struct")
public final class WorkQueue {
  private static final long IDLE_SECONDS = 1;

  private final UserProcess process;
  private final String name;
  private final int maxWorkers;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition more = lock.newCondition();
  private final Condition fewer = lock.newCondition();
  private final Deque<Work> works = new ArrayDeque<>(); // under the lock, like what follows
  private int workers;
  private int idle;

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
    lock.lock();
    try {
      works.add(work);
      if (idle >= works.size()) {
        more.signal();
      } else if (workers < maxWorkers) {
        workers++;
        Thread thread = new Thread(this::worker, name);
        thread.setDaemon(true);
        thread.start();
      }
    } finally {
      lock.unlock();
    }
  }

  @LinuxSource(file = "kernel/workqueue.c", name = "worker_thread")
  private void worker() {
    Task task = process.newKernelTask();
    task.enterKernelThread();
    lock.lock();
    try {
      boolean timedOut = false;
      while (true) {
        Work work = works.poll();
        if (work != null) {
          timedOut = false;
          lock.unlock();
          try {
            work.run(task);
          } finally {
            lock.lock();
          }
          continue;
        }
        fewer.signalAll();
        if (timedOut) {
          return;
        }
        idle++;
        try {
          timedOut = !more.await(IDLE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
          timedOut = true; // nobody interrupts a worker but to end it
        } finally {
          idle--;
        }
      }
    } finally {
      workers--;
      fewer.signalAll();
      lock.unlock();
    }
  }

  /** Waits until everything that was queued is done. From process context, not from a work. */
  @LinuxSource(file = "kernel/workqueue.c", name = "flush_workqueue")
  public void flush() {
    lock.lock();
    try {
      while (!works.isEmpty() || workers > idle) {
        fewer.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }
}
