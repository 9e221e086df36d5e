// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlockDevice;
import io.pollux.block.QueueLimits;
import io.pollux.block.TagSet;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.filemap.Filemap;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.fixture.ExtentFile;
import io.pollux.iomap.fixture.ExtentFileSystem;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;

/**
 * A disk with random contents, user memory, and a task. The creating thread runs as that task, and
 * is in the kernel.
 */
final class IomapRig implements AutoCloseable {
  static final int PAGE = HostMemory.PAGE_SIZE;
  static final int BLOCK = 1024;
  static final int DISK_BYTES = 4 << 20;
  static final int MEMORY_BYTES = 2 << 20;

  final HeldDisk disk = new HeldDisk(DISK_BYTES).letThrough();
  final BlockDevice bdev;
  final UserProcess process = new UserProcess();
  final Task current = process.newTask();
  final long memory = process.mm().mmap(MEMORY_BYTES, Mman.PROT_READ | Mman.PROT_WRITE);

  /** A filesystem with blocks of 1 KiB. */
  final ExtentFileSystem fs;

  /** Results of asynchronous requests. */
  final List<Long> completed = new CopyOnWriteArrayList<>();

  private final FileTable files = new FileTable();

  IomapRig() {
    this(HeldDisk.TAGS);
  }

  /** Creates a rig whose device has these hardware queues. */
  IomapRig(TagSet tags) {
    bdev = disk.disk(tags, QueueLimits.of(512));
    current.enterKernel();
    fs = new ExtentFileSystem(bdev, BLOCK).withWorkQueue(current);
    byte[] random = new byte[DISK_BYTES];
    new Random(1).nextBytes(random);
    disk.contents().copyFrom(MemorySegment.ofArray(random));
  }

  /** Checks that nothing is in flight or pinned, and frees the disk. */
  @Override
  public void close() {
    assertThat(process.mm().pinnedPages()).isZero();
    assertThat(bdev.queue().busyTags()).isZero();
    assertThat(current.plug()).isNull();
    current.leaveKernel();
    process.exit();
    bdev.pageCache().drop();
    disk.close();
  }

  /** A file of contiguous written blocks from the start of the disk, an extent for each. */
  ExtentFile written(int blocks) {
    return new ExtentFile(fs, (long) blocks * BLOCK).mapBlocks(BLOCK, block -> block * BLOCK);
  }

  File open(Inode inode) {
    return new File(files, inode, null, Fcntl.O_RDWR);
  }

  Kiocb sync(Inode inode, long pos, int flags) {
    Kiocb iocb = new Kiocb();
    iocb.init(open(inode), null);
    iocb.kiFlags = flags;
    iocb.kiPos = pos;
    return iocb;
  }

  Kiocb async(Inode inode, long pos, int flags) {
    Kiocb iocb = sync(inode, pos, flags);
    iocb.kiComplete = (done, result, result2) -> completed.add(result);
    return iocb;
  }

  IovecIter iter(boolean read, long at, long bytes) {
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(process.mm(), read, at, bytes)).isZero();
    return iter;
  }

  /** Reads past the page cache into the start of the memory. */
  long read(ExtentFile inode, long pos, long bytes) {
    return read(inode, inode, pos, memory, bytes);
  }

  long read(Inode inode, IomapOps ops, long pos, long to, long bytes) {
    Kiocb iocb = sync(inode, pos, Kiocb.IOCB_DIRECT);
    return IomapDio.rw(current, inode, iocb, iter(true, to, bytes), ops, null);
  }

  /** Writes past the page cache from the start of the memory. */
  long write(Inode inode, IomapOps ops, Kiocb iocb, long bytes) {
    iocb.kiFlags |= Kiocb.IOCB_WRITE;
    return IomapDio.rw(current, inode, iocb, iter(false, memory, bytes), ops, null);
  }

  /** Reads through the page cache, into the end of the memory. */
  long buffered(Task task, ExtentFile inode, long pos, long bytes) {
    long to = memory + MEMORY_BYTES - bytes;
    return Filemap.read(task, sync(inode, pos, 0), iter(true, to, bytes), inode.mapping());
  }

  /** Makes a call in the kernel on a new daemon thread, with a new task. */
  <T> CompletableFuture<T> onOtherThread(Function<Task, T> call) {
    Task task = process.newTask();
    CompletableFuture<T> result = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () -> {
              task.enterKernel();
              try {
                result.complete(call.apply(task));
              } catch (Throwable e) {
                result.completeExceptionally(e);
              } finally {
                task.leaveKernel();
              }
            });
    thread.setDaemon(true);
    thread.start();
    return result;
  }

  void fill(int value) {
    RawMemory.segment(memory, MEMORY_BYTES).fill((byte) value);
  }

  /** Stores data at the start of the memory. */
  void store(byte[] data) {
    RawMemory.segment(memory, data.length).copyFrom(MemorySegment.ofArray(data));
  }

  byte[] memory(long from, int count) {
    return bytes(memory + from, count);
  }

  byte[] onDisk(long from, int count) {
    return disk.contents().asSlice(from, count).toArray(ValueLayout.JAVA_BYTE);
  }

  static byte[] bytes(long address, int count) {
    return RawMemory.segment(address, count).toArray(ValueLayout.JAVA_BYTE);
  }

  /** A mapping that records the flags and lengths of its calls. */
  static final class Recorder implements IomapOps {
    final List<Integer> flags = new CopyOnWriteArrayList<>();
    final List<Long> lengths = new CopyOnWriteArrayList<>();
    private final IomapOps ops;

    Recorder(IomapOps ops) {
      this.ops = ops;
    }

    @Override
    public int iomapBegin(Task current, Inode inode, long pos, long length, int how, Iomap iomap) {
      assertThat(length).as("bytes requested at " + pos).isPositive();
      flags.add(how);
      lengths.add(length);
      return ops.iomapBegin(current, inode, pos, length, how, iomap);
    }
  }
}
