// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.Mman;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * A process that reads and writes files, as a test needs it: one thread of it is the test's, others
 * may be started.
 */
public final class UserFile implements AutoCloseable {
  public static final int MEMORY_BYTES = 64 * HostMemory.PAGE_SIZE;

  public final UserProcess process = new UserProcess();
  public final Task current = process.newTask();
  public final long memory = process.mm().mmap(MEMORY_BYTES, Mman.PROT_READ | Mman.PROT_WRITE);

  public UserFile() {
    current.enterKernel();
  }

  /** Another thread of the process, on its way. */
  public static final class Other {
    public final Task task;
    public final CompletableFuture<Long> result = new CompletableFuture<>();

    Other(Task task) {
      this.task = task;
    }

    /** Whether it is still at it after a while. */
    public boolean waits() throws InterruptedException {
      Thread.sleep(50);
      return !result.isDone();
    }
  }

  /** What such a thread does. */
  public interface Call {
    long run(Task current);
  }

  public Other start(Call call) {
    Other other = new Other(process.newTask());
    Thread thread =
        new Thread(
            () -> {
              other.task.enterKernel();
              try {
                other.result.complete(call.run(other.task));
              } catch (Throwable e) {
                other.result.completeExceptionally(e);
              } finally {
                other.task.deliverSignals();
                other.task.leaveKernel();
              }
            });
    thread.setDaemon(true);
    thread.start();
    return other;
  }

  public static long rw(Task task, File file, boolean read, long address, long bytes, int flags) {
    Kiocb iocb = new Kiocb();
    iocb.init(file, null);
    iocb.kiFlags |= flags;
    IovecIter iter = new IovecIter();
    int result = iter.importSingleRange(task.mm(), read, address, bytes);
    if (result != 0) {
      return result;
    }
    return read ? file.op().readIter(task, iocb, iter) : file.op().writeIter(task, iocb, iter);
  }

  public long read(File file, long address, long bytes) {
    return rw(current, file, true, address, bytes, 0);
  }

  public long write(File file, long address, long bytes) {
    return rw(current, file, false, address, bytes, 0);
  }

  /** Hears of what a file announces. */
  static List<Integer> listen(File file) {
    List<Integer> keys = new ArrayList<>();
    file.op()
        .poll(
            file,
            queue -> {
              WaitQueue.WaitEntry entry = new WaitQueue.WaitEntry(keys::add);
              queue.add(entry);
              queue.letWait(entry);
            });
    return keys;
  }

  @Override
  public void close() {
    current.leaveKernel();
    process.exit();
  }
}
