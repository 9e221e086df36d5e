// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Iattr;
import io.pollux.core.vfs.KiComplete;
import io.pollux.core.vfs.Kiocb;
import io.pollux.core.vfs.RemapRange;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A file, and the bytes that it should have. Random operations change both: writes (buffered,
 * direct, NOWAIT, asynchronous, polled), truncates, fallocates, clones and dedupes. Asynchronous
 * writes stay in flight across later operations on other ranges, and across operations that wait
 * for them.
 */
final class FileModel {
  private static final int SLOTS = 4; // writes in flight, at most
  private static final long PATIENCE_SECONDS = 60;

  private final String path;
  private final int block;
  private final boolean reflink;
  private final int most;
  private final Random random;
  private final List<String> log;
  private final @Nullable Flight[] flights = new Flight[SLOTS];
  private byte[] bytes;

  /** The open file. */
  private record Handles(WritableTree mounted, File buffered, File direct, long memory) {}

  private @Nullable Handles handles;

  /** A write in flight. */
  private static final class Flight implements KiComplete {
    final Kiocb iocb = new Kiocb();
    final int pos;
    final int length;
    private volatile boolean done;
    private long result; // written before done

    Flight(int pos, int length) {
      this.pos = pos;
      this.length = length;
    }

    @Override
    public void complete(Kiocb done1, long ret, long ret2) {
      result = ret;
      done = true;
    }
  }

  /**
   * Creates the model of a file.
   *
   * @param path its path
   * @param bytes its contents
   * @param most its largest size, and that of {@link #memory}
   * @param block bytes of a block
   * @param reflink whether the filesystem shares blocks
   * @param random decides the operations
   * @param log receives a line for each operation
   */
  FileModel(
      String path,
      byte[] bytes,
      int most,
      int block,
      boolean reflink,
      Random random,
      List<String> log) {
    this.path = path;
    this.bytes = bytes;
    this.most = most;
    this.block = block;
    this.reflink = reflink;
    this.random = random;
    this.log = log;
  }

  /** Allocates the memory of a mount for models of a size: half of it for writes in flight. */
  static long memory(WritableTree mounted, int most) throws ErrnoException {
    return mounted.tree.current.mm().mmap(2L * most, Mman.PROT_READ | Mman.PROT_WRITE);
  }

  String path() {
    return path;
  }

  byte[] bytes() {
    return bytes;
  }

  /** Opens the file, buffered and direct. Creates it if it is not there. */
  void open(WritableTree mounted, long memory) throws ErrnoException {
    log.add("open " + path);
    File buffered = mounted.open(path, Fcntl.O_CREAT);
    File direct = mounted.open(path, Fcntl.O_DIRECT);
    handles = new Handles(mounted, buffered, direct, memory);
  }

  /** Waits for all writes, and closes. The close frees blocks behind the end of the file. */
  void close() throws ErrnoException {
    settle();
    Handles open = open();
    handles = null;
    open.buffered.fput(tree(open).current);
    open.direct.fput(tree(open).current);
  }

  private Handles open() {
    Handles open = handles;
    if (open == null) {
      throw new AssertionError(path + " is not open");
    }
    return open;
  }

  private static MountedTree tree(Handles open) {
    return open.mounted.tree;
  }

  /** Performs a random operation. */
  void step() throws ErrnoException {
    int pos = random.nextInt(most);
    int length = 1 + random.nextInt(random.nextBoolean() ? most - pos : Math.min(9000, most - pos));
    switch (random.nextInt(reflink ? 30 : 26)) {
      case 0, 1, 2, 3, 4 -> write(false, pos, length, 0);
      case 5 -> write(false, pos, length, Kiocb.IOCB_NOWAIT);
      case 6, 7, 8, 9 -> direct(pos, length, 0);
      case 10 -> directNowait(pos, length);
      case 11, 12 -> truncate(pos);
      case 13 -> fallocate(0, pos, length);
      case 14 -> fallocate(Fcntl.FALLOC_FL_KEEP_SIZE, pos, length);
      case 15, 16 -> fallocate(Fcntl.FALLOC_FL_PUNCH_HOLE | Fcntl.FALLOC_FL_KEEP_SIZE, pos, length);
      case 17 -> fallocate(Fcntl.FALLOC_FL_ZERO_RANGE, pos, length);
      case 18 -> shift(pos, length);
      case 19 -> compare(random.nextBoolean());
      case 20 -> peek(pos, length);
      case 21, 22, 23, 24 -> start(pos, length);
      case 26, 27 -> share(pos, length);
      case 28, 29 -> dedupe(pos, length);
      default -> {
        log.add("fsync");
        assertThat(open().buffered.fsync(tree(open()).current, false)).isZero();
      }
    }
  }

  // Writes.

  private void direct(int pos, int length, int flags) throws ErrnoException {
    int unit = unit();
    write(true, pos / unit * unit, Math.max(unit, length / unit * unit), flags);
  }

  /** A direct NOWAIT write, mostly without cached pages, which make it return EAGAIN at once. */
  private void directNowait(int pos, int length) throws ErrnoException {
    settle();
    File file = open().buffered;
    if (random.nextInt(4) != 0) {
      assertThat(file.fsync(tree(open()).current, false)).isZero();
      ((XfsInode) file.inode()).mapping().invalidateAll();
      log.add("invalidate");
    }
    direct(pos, length, Kiocb.IOCB_NOWAIT);
  }

  /** The alignment of a direct write. */
  private int unit() {
    int sector = open().mounted.mp.bdev().queue().logicalBlockSize();
    return random.nextBoolean() ? sector : 4096;
  }

  private void write(boolean direct, int pos, int length, int flags) throws ErrnoException {
    if (pos + length > most) {
      return;
    }
    settle(pos, length);
    log.add("write" + (direct ? " direct " : " ") + pos + "+" + length + flags(flags));
    Handles open = open();
    byte[] data = data(length, open.memory);
    Kiocb iocb = iocb(direct ? open.direct : open.buffered, pos, null);
    iocb.kiFlags |= Kiocb.IOCB_WRITE | flags;
    long written =
        iocb.file().op().writeIter(tree(open).current, iocb, iter(false, open.memory, length));
    if (flags == 0) {
      assertThat(written).as("written").isEqualTo(length);
    } else if (written == -Errno.EAGAIN) {
      log.add("EAGAIN");
      return;
    } else {
      assertThat(written).as("written").isBetween(1L, (long) length);
    }
    log.add("written " + written);
    put(pos, data, (int) written);
  }

  private static String flags(int flags) {
    return flags == 0 ? "" : " nowait";
  }

  private byte[] data(int length, long memory) {
    byte[] data = new byte[length];
    random.nextBytes(data);
    copyTo(memory, data);
    return data;
  }

  private static void copyTo(long memory, byte[] data) {
    MemorySegment.copy(
        data, 0, RawMemory.segment(memory, data.length), ValueLayout.JAVA_BYTE, 0, data.length);
  }

  private IovecIter iter(boolean reads, long memory, int length) {
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(tree(open()).current.mm(), reads, memory, length)).isZero();
    return iter;
  }

  private static Kiocb iocb(File file, long pos, @Nullable KiComplete complete) {
    Kiocb iocb = new Kiocb();
    iocb.init(file, complete);
    iocb.kiPos = pos;
    return iocb;
  }

  private void put(int pos, byte[] data, int length) {
    grow(pos + length);
    System.arraycopy(data, 0, bytes, pos, length);
  }

  private void grow(int size) {
    if (size > bytes.length) {
      bytes = Arrays.copyOf(bytes, size);
    }
  }

  // Writes in flight.

  /** Starts a direct write, and does not wait for it. */
  private void start(int pos, int length) throws ErrnoException {
    int room = most / SLOTS;
    int unit = unit();
    int from = pos / unit * unit;
    int count = Math.max(unit, Math.min(room, length) / unit * unit);
    int slot = freeSlot();
    if (slot < 0 || from + count > most) {
      return;
    }
    settle(from, count);
    boolean polled = random.nextBoolean();
    log.add("start" + (polled ? " polled " : " ") + from + "+" + count);
    Handles open = open();
    long memory = open.memory + most + (long) slot * room;
    byte[] data = data(count, memory);
    Flight flight = new Flight(from, count);
    flight.iocb.init(open.direct, flight);
    flight.iocb.kiPos = from;
    flight.iocb.kiFlags |= Kiocb.IOCB_WRITE | (polled ? Kiocb.IOCB_HIPRI : 0);
    flights[slot] = flight;
    long result =
        open.direct.op().writeIter(tree(open).current, flight.iocb, iter(false, memory, count));
    if (result != -Kiocb.EIOCBQUEUED) {
      flight.complete(flight.iocb, result, 0);
    }
    log.add(flight.done ? "completed " + flight.result : "in flight");
    put(from, data, count);
  }

  private int freeSlot() {
    int slot = 0;
    while (slot < SLOTS && flights[slot] != null) {
      slot++;
    }
    return slot < SLOTS ? slot : -1;
  }

  /** Waits for the writes in flight whose pages a range touches. */
  private void settle(int pos, int length) {
    int from = pos & -4096;
    int to = pos + length + 4095 & -4096;
    for (int slot = 0; slot < SLOTS; slot++) {
      Flight flight = flights[slot];
      if (flight != null && (flight.pos & -4096) < to && from < flight.pos + flight.length) {
        settle(slot, flight);
      }
    }
  }

  /** Waits for all writes in flight. */
  private void settle() {
    settle(0, most);
  }

  private void settle(int slot, Flight flight) {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (!flight.done) {
      if (open().mounted.mp.bdev().queue().pollAll() == 0) {
        LockSupport.parkNanos(20_000);
      }
      assertThat(System.nanoTime()).as("patience with a write in flight").isLessThan(end);
    }
    flights[slot] = null;
    assertThat(flight.result)
        .as("result of the write in flight of " + flight.pos + "+" + flight.length)
        .isEqualTo(flight.length);
  }

  // Other changes.

  private void truncate(int size) throws ErrnoException {
    log.add("truncate " + size);
    File file = open().buffered;
    file.inode().iRwsem.downWrite(tree(open()).current);
    try {
      file.inode().setattr(tree(open()).current, Iattr.ofSize(size));
    } finally {
      file.inode().iRwsem.upWrite();
    }
    bytes = Arrays.copyOf(bytes, size);
  }

  private void fallocate(int mode, int pos, int length) {
    log.add("fallocate " + mode + " " + pos + "+" + length);
    File file = open().buffered;
    assertThat(file.op().fallocate(tree(open()).current, file, mode, pos, length)).isZero();
    boolean clears = (mode & (Fcntl.FALLOC_FL_PUNCH_HOLE | Fcntl.FALLOC_FL_ZERO_RANGE)) != 0;
    if ((mode & Fcntl.FALLOC_FL_KEEP_SIZE) == 0) {
      grow(pos + length);
    }
    if (clears && pos < bytes.length) {
      Arrays.fill(bytes, pos, Math.min(bytes.length, pos + length), (byte) 0);
    }
  }

  private void shift(int at, int count) {
    int pos = at / block * block;
    int length = Math.max(block, count / block * block);
    boolean collapse = random.nextBoolean();
    if (pos + length >= bytes.length || (!collapse && bytes.length + length > most)) {
      return;
    }
    log.add((collapse ? "collapse " : "insert ") + pos + "+" + length);
    int mode = collapse ? Fcntl.FALLOC_FL_COLLAPSE_RANGE : Fcntl.FALLOC_FL_INSERT_RANGE;
    File file = open().buffered;
    assertThat(file.op().fallocate(tree(open()).current, file, mode, pos, length)).isZero();
    byte[] next = new byte[collapse ? bytes.length - length : bytes.length + length];
    System.arraycopy(bytes, 0, next, 0, pos);
    if (collapse) {
      System.arraycopy(bytes, pos + length, next, pos, bytes.length - pos - length);
    } else {
      System.arraycopy(bytes, pos, next, pos + length, bytes.length - pos);
    }
    bytes = next;
  }

  /** Shares blocks of the file with another place of it. */
  private void share(int pos, int count) throws ErrnoException {
    int from = pos / block * block;
    int to = random.nextInt(most) / block * block;
    int length = Math.min(Math.max(block, count / block * block), bytes.length - from);
    boolean part = length % block != 0; // only at both ends
    int blocks = (length + block - 1) / block * block;
    if (length <= 0 || to + blocks > most || (to < from + blocks && from < to + blocks)) {
      return;
    }
    if (part && to + length < bytes.length) {
      return;
    }
    log.add("share " + from + "+" + length + " at " + to);
    File file = open().buffered;
    assertThat(RemapRange.clone(tree(open()).current, file, from, file, to, length)).isZero();
    put(to, Arrays.copyOfRange(bytes, from, from + length), length);
  }

  /** Dedupes whole blocks, which are sometimes made equal first. */
  private void dedupe(int pos, int count) throws ErrnoException {
    int from = pos / block * block;
    int to = random.nextInt(most) / block * block;
    int length = Math.min(Math.max(block, count / block * block), bytes.length - from);
    length -= length % block;
    if (length <= 0 || to + length > bytes.length || (to < from + length && from < to + length)) {
      return;
    }
    settle();
    byte[] data = Arrays.copyOfRange(bytes, from, from + length);
    Handles open = open();
    if (random.nextInt(3) != 0) {
      copyTo(open.memory, data);
      Kiocb iocb = iocb(open.buffered, to, null);
      iocb.kiFlags |= Kiocb.IOCB_WRITE;
      log.add("make equal");
      assertThat(
              iocb.file()
                  .op()
                  .writeIter(tree(open).current, iocb, iter(false, open.memory, length)))
          .isEqualTo(length);
      put(to, data, length);
    }
    boolean equal = Arrays.equals(data, Arrays.copyOfRange(bytes, to, to + length));
    log.add("dedupe " + from + "+" + length + " at " + to + (equal ? "" : ", which differs"));
    assertThat(
            RemapRange.dedupe(tree(open).current, open.buffered, from, open.buffered, to, length))
        .isEqualTo(equal ? 0 : -Errno.EBADE);
  }

  /** Clones the file over another one, whose model is returned. */
  byte[] cloneTo(String other) throws ErrnoException {
    log.add("clone to " + other);
    Handles open = open();
    File to = open.mounted.open(other, Fcntl.O_CREAT | Fcntl.O_TRUNC);
    try {
      assertThat(RemapRange.clone(tree(open).current, open.buffered, 0, to, 0, 0)).isZero();
      return bytes.clone();
    } finally {
      to.fput(tree(open).current);
    }
  }

  /** Clones another file over this one. */
  void cloneFrom(String other, byte[] otherBytes) throws ErrnoException {
    log.add("clone from " + other);
    Handles open = open();
    File from = open.mounted.open(other, 0);
    try {
      truncate(0);
      assertThat(RemapRange.clone(tree(open).current, from, 0, open.buffered, 0, 0)).isZero();
      bytes = otherBytes.clone();
    } finally {
      from.fput(tree(open).current);
    }
  }

  // Reads.

  /** Reads through the page cache while writes are in flight. Does not compare the bytes. */
  private void peek(int pos, int length) {
    log.add("peek " + pos + "+" + length);
    Handles open = open();
    Kiocb iocb = iocb(open.buffered, pos, null);
    long read =
        iocb.file().op().readIter(tree(open).current, iocb, iter(true, open.memory, length));
    assertThat(read).as("peeked").isBetween(0L, (long) length);
  }

  /** Compares all of the file. */
  void compare(boolean direct) {
    settle();
    log.add("compare" + (direct ? " direct" : ""));
    Handles open = open();
    assertThat(open.buffered.inode().size()).as("size").isEqualTo(bytes.length);
    if (bytes.length == 0) {
      return;
    }
    int room = bytes.length + 4095 & -4096;
    Kiocb iocb = iocb(direct ? open.direct : open.buffered, 0, null);
    assertThat(iocb.file().op().readIter(tree(open).current, iocb, iter(true, open.memory, room)))
        .as("read")
        .isEqualTo(bytes.length);
    byte[] read = RawMemory.segment(open.memory, bytes.length).toArray(ValueLayout.JAVA_BYTE);
    int differs = Arrays.mismatch(read, bytes);
    assertThat(differs).as("first byte that differs, of " + bytes.length).isEqualTo(-1);
  }
}
