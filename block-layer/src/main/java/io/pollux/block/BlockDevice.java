// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.filemap.Mapping;
import io.pollux.core.filemap.PageCache;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.core.trace.Trace;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** A disk: the counterpart of block_device and its gendisk. */
@LinuxSource(
    file = "include/linux/fs.h",
    name = {"block_device", "gendisk"})
public final class BlockDevice {
  /** {@link #zeroAndWait}: the range stays allocated on the device. */
  @LinuxSource(file = "include/linux/blkdev.h", name = "BLKDEV_ZERO_NOUNMAP")
  public static final int ZERO_NOUNMAP = 1;

  /** {@link #zeroAndWait}: fail instead of writing zeroes. */
  @LinuxSource(file = "include/linux/blkdev.h", name = "BLKDEV_ZERO_NOFALLBACK")
  public static final int ZERO_NOFALLBACK = 1 << 1;

  /** Default read-ahead in pages. Programs can query it; the kernel does not read ahead. */
  @LinuxSource(file = "include/linux/mm.h", name = "VM_READAHEAD_PAGES")
  private static final long DEFAULT_READ_AHEAD_PAGES = 32;

  private final String name;
  private final long dev;
  private volatile long sectors;
  private volatile boolean removed;
  private volatile boolean diskReadOnly;
  private volatile boolean setReadOnly;
  private final RequestQueue queue;
  private final PageCache pageCache = new PageCache(PageCache.DEFAULT_BYTES);
  private final Mapping mapping = new Mapping(pageCache, new BdevPages(this));
  private final AtomicInteger openers = new AtomicInteger();
  private final AtomicReference<@Nullable Object> holder = new AtomicReference<>();
  private volatile int blockSize;
  private volatile long readAheadPages = DEFAULT_READ_AHEAD_PAGES;

  /**
   * Makes a disk.
   *
   * @param name its name under /dev
   * @param dev its device number
   * @param bytes its size; bytes after the last whole logical block are not accessible
   * @param readOnly true to reject writes
   * @param queue its requests
   */
  public BlockDevice(String name, long dev, long bytes, boolean readOnly, RequestQueue queue) {
    this.name = name;
    this.dev = dev;
    this.sectors = sectorsOf(bytes, queue);
    this.diskReadOnly = readOnly;
    this.queue = queue;
    queue.setName(name);
    blockSize = firstBlockSize();
  }

  private static long sectorsOf(long bytes, RequestQueue queue) {
    return (bytes & -queue.logicalBlockSize()) >> BlkTypes.SECTOR_SHIFT;
  }

  /** The largest block size, up to a page, that divides the device's size. */
  @LinuxSource(file = "fs/block_dev.c", name = "set_init_blocksize")
  private int firstBlockSize() {
    int size = queue.logicalBlockSize();
    while (size < HostMemory.PAGE_SIZE && (bytes() & size) == 0) {
      size <<= 1;
    }
    return size;
  }

  /** {@return the name, without /dev/} */
  public String name() {
    return name;
  }

  /** {@return the device number, as in stat} */
  public long dev() {
    return dev;
  }

  /** {@return the size in bytes, a multiple of the logical block size} */
  public long bytes() {
    return sectors << BlkTypes.SECTOR_SHIFT;
  }

  /**
   * Changes the size, also while the disk is in use. I/O beyond the end fails with EIO; the size of
   * the device's inode follows. Dirty pages beyond the end are not written. Requests that the
   * driver has already may lie beyond a smaller size. From any context.
   *
   * @param bytes as in the constructor, not negative
   * @throws IllegalArgumentException if it is negative
   */
  @LinuxSource(
      file = "include/linux/genhd.h",
      name = {"set_capacity", "revalidate_disk"})
  public void setCapacity(long bytes) {
    if (bytes < 0) {
      throw new IllegalArgumentException("size of a disk: " + bytes);
    }
    sectors = sectorsOf(bytes, queue);
  }

  /**
   * Removes the disk while it may be in use, as when its hardware is pulled out. The driver gets no
   * further requests. Those in flight fail with EIO, unless the driver completes them before it is
   * idle ({@link BlkMqOps#isIdle}); later ones fail with EIO at once. The device's node stays, and
   * opening it is ENXIO. The driver may be closed once {@link RequestQueue#busyTags} is 0. From any
   * context.
   */
  @LinuxSource(file = "block/genhd.c", name = "del_gendisk")
  public void remove() {
    removed = true;
    queue.remove();
  }

  /** {@return whether the disk was removed: opening it is ENXIO} */
  @LinuxSource(file = "include/linux/genhd.h", name = "GENHD_FL_UP")
  public boolean isRemoved() {
    return removed;
  }

  /** {@return whether the disk rejects writes} */
  public boolean readOnly() {
    return diskReadOnly || setReadOnly;
  }

  /**
   * Sets or clears the read-only flag. Dirty pages are not written back while it is set. A disk
   * created read-only stays read-only.
   *
   * @param readOnly true to reject writes
   */
  @LinuxSource(file = "block/genhd.c", name = "set_device_ro")
  public void setReadOnly(boolean readOnly) {
    setReadOnly = readOnly;
  }

  /** Makes the disk read-only for good, as if it had been created so. */
  @LinuxSource(file = "block/genhd.c", name = "set_disk_ro")
  public void setDiskReadOnly() {
    diskReadOnly = true;
  }

  /**
   * Returns the block size set by BLKBSZSET. User programs can query it; the page cache does not
   * use it.
   *
   * @return bytes, a power of two up to a page
   */
  @LinuxSource(file = "include/linux/blkdev.h", name = "block_size")
  public int blockSize() {
    return blockSize;
  }

  /**
   * Sets the block size.
   *
   * @param size bytes; may be any value
   * @return 0, or -EINVAL for an unsupported size
   */
  @LinuxSource(file = "fs/block_dev.c", name = "set_blocksize")
  public int setBlockSize(int size) {
    if (size < queue.logicalBlockSize()
        || size > HostMemory.PAGE_SIZE
        || Integer.bitCount(size) != 1) {
      return -Errno.EINVAL;
    }
    blockSize = size;
    return 0;
  }

  /** {@return the read-ahead set by user programs, in pages} The kernel does not read ahead. */
  @LinuxSource(file = "include/linux/backing-dev-defs.h", name = "ra_pages")
  public long readAheadPages() {
    return readAheadPages;
  }

  /**
   * Sets the read-ahead.
   *
   * @param pages any value
   */
  public void setReadAheadPages(long pages) {
    readAheadPages = pages;
  }

  /**
   * Claims the disk for one holder: a file opened with O_EXCL, or a mount. Others may use it, but
   * not claim it.
   *
   * @param claimant the holder
   * @return false (EBUSY) if the disk has a holder, even the same one
   */
  @LinuxSource(file = "fs/block_dev.c", name = "bd_prepare_to_claim")
  public boolean claim(Object claimant) {
    return holder.compareAndSet(null, claimant);
  }

  /**
   * Returns whether an object is the disk's holder.
   *
   * @param claimant the object
   * @return true if so
   */
  public boolean claimedBy(Object claimant) {
    return holder.get() == claimant;
  }

  /**
   * Releases a claim. Does nothing if the claimant is not the holder. From any context.
   *
   * @param claimant the holder
   */
  public void unclaim(Object claimant) {
    holder.compareAndSet(claimant, null);
  }

  /** {@return the request queue} */
  public RequestQueue queue() {
    return queue;
  }

  /**
   * {@return the page cache of this disk: its own pages, and those of files of a filesystem on it}
   */
  public PageCache pageCache() {
    return pageCache;
  }

  /**
   * {@return the disk's own pages, which files opened without O_DIRECT read and write (C:
   * bd_inode's i_mapping)}
   */
  public Mapping mapping() {
    return mapping;
  }

  /** Counts an opener of the disk. */
  @LinuxSource(file = "fs/block_dev.c", name = "blkdev_get")
  public void get() {
    openers.getAndIncrement();
  }

  /**
   * Drops an opener. The last close writes back dirty pages and drops the cache. The next opener's
   * fsync reports an error. From process context.
   *
   * @param current the calling task
   */
  @LinuxSource(file = "fs/block_dev.c", name = "blkdev_put")
  public void put(Task current) {
    if (putAndKeep()) {
      mapping.writeAndWaitRange(current, 0, Long.MAX_VALUE);
      mapping.invalidateAll();
      pageCache.trim();
    }
  }

  /**
   * Drops an opener in a context that must not sleep. Dirty pages stay in memory, where every
   * reader finds them, until the next {@link #put} or {@link #sync} writes them. From any context.
   *
   * @return whether it was the last one
   */
  public boolean putAndKeep() {
    int left = openers.decrementAndGet();
    assert left >= 0 : "closed more often than opened";
    if (left == 0) {
      blockSize = firstBlockSize();
    }
    return left == 0;
  }

  /**
   * Writes back dirty pages, makes them durable and drops the cache. Called before a filesystem
   * reads the disk past its pages, and at shutdown. From process context.
   *
   * @param current the calling task
   * @return 0, or the negative errno of this write-back or of an earlier one that no open file has
   *     reported
   */
  @LinuxSource(
      file = "fs/block_dev.c",
      name = {"sync_blockdev", "invalidate_bdev"})
  public int sync(Task current) {
    boolean wrote = mapping.nrDirty() > 0;
    int result = mapping.writeAndWaitRange(current, 0, Long.MAX_VALUE);
    int unseen = mapping.takeUnseenError();
    result = result != 0 ? result : unseen;
    mapping.invalidateAll();
    return result == 0 && wrote ? flushAndWait(current) : result;
  }

  /**
   * Submits a bio. Its end_io is called exactly once, perhaps before this returns. From process
   * context.
   *
   * <p>Errors:
   *
   * <ul>
   *   <li>EIO: the range is outside the device.
   *   <li>EPERM: a write to a read-only device. (The Linux of the posting only warns here and
   *       refuses in the layers above.)
   *   <li>EOPNOTSUPP: the device does not support the operation.
   *   <li>EAGAIN: REQ_NOWAIT, and no request is free for the bio or a piece of it. Pieces submitted
   *       before have then completed and moved their data. A bio with more pieces than the hardware
   *       queue has tags always fails with REQ_NOWAIT.
   * </ul>
   *
   * @param current the calling task
   * @param bio the bio; the block layer's until its end_io
   * @return the cookie for {@link RequestQueue#blkPoll}, or BLK_QC_T_NONE if the bio has completed
   */
  @Differs(
      kind = Differs.Kind.OURS,
      why =
          "A bio that writes to a read-only device fails with EPERM. The posting's kernel only"
              + " warns, and leaves the refusal to the layers above.",
      test = "SubmitChecksTest#aReadOnlyDeviceIsNotChanged")
  @LinuxSource(
      file = "block/blk-core.c",
      name = {"submit_bio", "bio_check_eod"})
  public int submitBio(Task current, Bio bio) {
    if (!check(bio)) {
      return BlkTypes.BLK_QC_T_NONE;
    }
    if (Trace.on()) {
      BlockTrace.bioQueue(current, bio);
    }
    return queue.makeRequest(current, bio);
  }

  /**
   * Submits a bio for the driver of a stacked disk, without a task. Never sleeps. Its end_io is
   * called as by {@link #submitBio}, with the same errors except EAGAIN. From any context.
   *
   * <p>Inside {@link BlkMqOps#queueRqs} of a stacked disk, the lower driver gets the request after
   * that method returns. So disks can be stacked to any depth.
   *
   * @param bio a bio that no task owns: embedded in an object of the driver
   * @return false if no request is free for the bio or for the rest of it. The bio is then the
   *     driver's again, which submits it unchanged later. A bio that exceeds the disk's limits may
   *     have been submitted in part.
   */
  @LinuxSource(file = "block/blk-core.c", name = "generic_make_request")
  public boolean submitFromDriver(Bio bio) {
    if (!check(bio)) {
      return true;
    }
    if (Trace.on()) {
      BlockTrace.bioQueue(null, bio);
    }
    return queue.makeRequestFromDriver(bio);
  }

  /** Checks and adapts a bio. Returns whether it is to be submitted; if not, it has completed. */
  @LinuxSource(file = "block/blk-core.c", name = "generic_make_request_checks")
  private boolean check(Bio bio) {
    long wanted = bio.size() >> BlkTypes.SECTOR_SHIFT;
    long all = sectors;
    // unsigned, so that a negative sector is beyond the end too
    if (wanted > all || Long.compareUnsigned(bio.sector(), all - wanted) > 0) {
      bio.endio(-Errno.EIO);
      return false;
    }
    if (BlkTypes.isWrite(bio.op()) && readOnly() && bio.size() != 0) {
      bio.endio(-Errno.EPERM);
      return false;
    }
    return (bio.opf() & BlkTypes.SPECIAL) == 0 || prepare(bio);
  }

  /**
   * Adapts flushes, discards and zeroing to the device's features. Returns whether the bio is to be
   * submitted; if not, it has completed.
   */
  @LinuxSource(
      file = "block/blk-flush.c",
      name = {"blk_insert_flush", "blk_flush_policy"})
  private boolean prepare(Bio bio) {
    QueueLimits limits = queue.limits();
    int unsupported =
        switch (bio.op()) {
          case BlkTypes.REQ_OP_READ, BlkTypes.REQ_OP_WRITE, BlkTypes.REQ_OP_FLUSH -> 0;
          case BlkTypes.REQ_OP_DISCARD -> limits.maxDiscardSectors() != 0 ? 0 : Errno.EOPNOTSUPP;
          case BlkTypes.REQ_OP_WRITE_ZEROES ->
              limits.maxWriteZeroesSectors() != 0 ? 0 : Errno.EOPNOTSUPP;
          default -> Errno.EOPNOTSUPP;
        };
    if (unsupported != 0) {
      bio.endio(-unsupported);
      return false;
    }
    if (!limits.writeCache()) { // all completed writes are durable
      bio.clear(BlkTypes.REQ_FUA | BlkTypes.REQ_PREFLUSH);
    }
    if (bio.size() == 0) {
      if (!limits.writeCache()
          || !(bio.op() == BlkTypes.REQ_OP_FLUSH || bio.has(BlkTypes.REQ_PREFLUSH))) {
        bio.endio(queue.isDead() ? -Errno.EIO : 0);
        return false;
      }
      bio.becomeFlush();
      return true;
    }
    int steps = bio.has(BlkTypes.REQ_PREFLUSH) ? Request.FSEQ_PREFLUSH : 0;
    bio.clear(BlkTypes.REQ_PREFLUSH);
    if (bio.has(BlkTypes.REQ_FUA) && !limits.fua()) {
      steps |= Request.FSEQ_POSTFLUSH;
      bio.clear(BlkTypes.REQ_FUA);
    }
    if (steps != 0) { // otherwise as it is: the rest of a driver's bio comes here again
      bio.sequence = steps | Request.FSEQ_DATA;
    }
    return true;
  }

  /**
   * Transfers kernel memory from or to the device and waits. From process context.
   *
   * @param current the calling task
   * @param position first byte on the device, a multiple of the logical block size
   * @param address kernel memory
   * @param bytes length, a positive multiple of the logical block size, at most 1 MiB less a page
   * @param opf operation and flags
   * @return 0 or a negative errno
   */
  @LinuxSource(file = "block/bio.c", name = "submit_bio_wait")
  public int transferAndWait(Task current, long position, long address, int bytes, int opf) {
    assert ((position | bytes) & (queue.logicalBlockSize() - 1)) == 0 : position;
    Waiting waiting = Waiting.get(current);
    Bio bio =
        Bio.alloc(current, this, position >> BlkTypes.SECTOR_SHIFT, opf, Waiting::end, waiting);
    boolean added = bio.addMemory(address, bytes);
    assert added : bytes;
    submitBio(current, bio);
    return waiting.await(current);
  }

  /**
   * Makes all completed writes durable and waits. From process context.
   *
   * @param current the calling task
   * @return 0 or a negative errno
   */
  @LinuxSource(file = "block/blk-flush.c", name = "blkdev_issue_flush")
  public int flushAndWait(Task current) {
    Waiting waiting = Waiting.get(current);
    submitBio(current, Bio.alloc(current, this, 0, BlkTypes.REQ_OP_FLUSH, Waiting::end, waiting));
    return waiting.await(current);
  }

  /**
   * Discards a range of the device and waits. From process context.
   *
   * @param current the calling task
   * @param position first byte, a multiple of the logical block size
   * @param bytes length, a positive multiple of the logical block size
   * @return 0, -EOPNOTSUPP, or another negative errno
   */
  @LinuxSource(file = "block/blk-lib.c", name = "blkdev_issue_discard")
  public int discardAndWait(Task current, long position, long bytes) {
    BioBatch batch = BioBatch.get(current, this, BlkTypes.REQ_OP_DISCARD);
    batch.addRange(current, position, bytes);
    return batch.await(current);
  }

  /**
   * Zeroes a range of the device and waits. It uses REQ_OP_WRITE_ZEROES, or writes zeroes if that
   * is unsupported or fails. From process context.
   *
   * @param current the calling task
   * @param position first byte, a multiple of the logical block size
   * @param bytes length, a positive multiple of the logical block size
   * @param flags {@link #ZERO_NOUNMAP}, {@link #ZERO_NOFALLBACK}, or 0
   * @return 0 or a negative errno: -EOPNOTSUPP if only writing could do it and ZERO_NOFALLBACK is
   *     set
   */
  @LinuxSource(
      file = "block/blk-lib.c",
      name = {"blkdev_issue_zeroout", "__blkdev_issue_write_zeroes"})
  public int zeroAndWait(Task current, long position, long bytes, int flags) {
    boolean fallback = (flags & ZERO_NOFALLBACK) == 0;
    int result = -Errno.EOPNOTSUPP;
    if (queue.limits().maxWriteZeroesSectors() != 0) {
      int unmap = (flags & ZERO_NOUNMAP) != 0 ? BlkTypes.REQ_NOUNMAP : 0;
      BioBatch batch = BioBatch.get(current, this, BlkTypes.REQ_OP_WRITE_ZEROES | unmap);
      batch.addRange(current, position, bytes);
      result = batch.await(current);
    }
    return result != 0 && fallback ? writeZeroPages(current, position, bytes) : result;
  }

  @LinuxSource(file = "block/blk-lib.c", name = "__blkdev_issue_zero_pages")
  private int writeZeroPages(Task current, long position, long bytes) {
    long zeroes = HostMemory.map(HostMemory.PAGE_SIZE);
    if (zeroes == 0) {
      return -Errno.ENOMEM;
    }
    BioBatch batch = BioBatch.get(current, this, BlkTypes.REQ_OP_WRITE);
    for (long done = 0; done < bytes; done += HostMemory.PAGE_SIZE) {
      batch.add(
          current, position + done, zeroes, (int) Math.min(HostMemory.PAGE_SIZE, bytes - done));
    }
    int result = batch.await(current);
    HostMemory.unmap(zeroes, HostMemory.PAGE_SIZE);
    return result;
  }

  /** {@return the device's line of /proc/diskstats, without an end of line} */
  @LinuxSource(file = "block/genhd.c", name = "diskstats_show")
  public String diskstats() {
    int major = (int) (dev >> 8) & 0xfff; // as stat encodes it: new_encode_dev
    int minor = (int) ((dev & 0xff) | ((dev >> 12) & 0xfff00));
    return queue.stats().line(major, minor, name);
  }

  /** A waiter for one bio: in C it is on the stack. */
  private static final class Waiting extends Slab.Item implements BooleanSupplier {
    private static final Slab<Waiting> SLAB = new Slab<>(Waiting::new);

    private final WaitQueue queue = new WaitQueue();
    private int status;
    private volatile boolean done; // written after status

    static Waiting get(Task current) {
      Waiting waiting = SLAB.alloc(current);
      waiting.done = false;
      return waiting;
    }

    /** Waits, once, and frees this object. */
    int await(Task current) {
      if (!done) {
        current.aboutToSleep(); // the bio may be in the plug
        queue.waitUninterruptibly(this);
      }
      int result = status;
      Slab.free(this);
      return result;
    }

    @Override
    public boolean getAsBoolean() {
      return done;
    }

    static void end(Bio bio) {
      Waiting waiting = (Waiting) bio.owner();
      assert waiting != null;
      int status = bio.status();
      bio.put();
      waiting.status = status;
      waiting.done = true;
      // this object may be another task's by now: its waiter checks its condition and sleeps again
      waiting.queue.wakeUp();
    }
  }
}
