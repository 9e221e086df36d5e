// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.block.BlockDevice;
import io.pollux.block.QueueLimits;
import io.pollux.block.buffer.BufCache;
import io.pollux.block.buffer.BufData;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.xfs.XfsFileSystem;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/**
 * Mounts an image whose log was damaged. Each mount must succeed or fail with an errno. In most
 * mutations the record has a right checksum afterwards, so that its contents are read.
 */
public final class MutatedLogs {
  private static final ValueLayout.OfInt LE =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final int[] VALUES = {0, 1, 2, 4, 8, 0x10, 0x20, 0x3b, 0x7f, 0x80, 0xfe, 0xff};

  private final Path image;
  private final Random random;
  private int mounted;
  private int refused;

  MutatedLogs(Path image, long seed) {
    this.image = image;
    random = new Random(seed);
  }

  int mounted() {
    return mounted;
  }

  int refused() {
    return refused;
  }

  /** Runs one mutation. Every exception but ErrnoException leaves this. */
  void one() throws IOException {
    UserProcess process = new UserProcess();
    Task current = process.newTask();
    current.enterKernel();
    try (Arena arena = Arena.ofShared();
        FileChannel file =
            FileChannel.open(image, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      MemorySegment contents = file.map(FileChannel.MapMode.PRIVATE, 0, file.size(), arena);
      BlockDevice disk =
          new HeldDisk(contents).letThrough().disk(HeldDisk.TAGS, QueueLimits.of(512), false);
      try {
        mutate(current, disk, contents);
        SuperBlock sb = new XfsFileSystem().mount(current, disk, false, Options.parse(""));
        mounted++;
        sb.unmount(current);
      } catch (ErrnoException e) {
        refused++;
        if (Boolean.getBoolean("pollux.verbose")) {
          System.out.println(e.errno() + " " + e.getMessage());
        }
      }
    } finally {
      current.leaveKernel();
      process.exit();
    }
  }

  private void mutate(Task current, BlockDevice disk, MemorySegment contents)
      throws ErrnoException {
    BufCache cache = new BufCache(disk, 0, XfsError.EFSCORRUPTED);
    XfsSb sb = new XfsSb(cache.readUncached(current, 0, 512, "superblock"), disk.bytes());
    XlogDevice device = new XlogDevice(cache, sb);
    XlogHead head = XlogFind.find(current, device);
    List<XlogRecord> records = new ArrayList<>();
    XlogReader reader = new XlogReader(current, device);
    reader.pass(head.tailBlock(), head.block(), (record, body) -> records.add(record));
    long log = sb.fsbToByte(sb.logStart);
    for (int i = random.nextInt(3); i >= 0; i--) {
      XlogRecord record = records.get(random.nextInt(records.size()));
      change(contents, log, device, record);
      if (random.nextInt(8) != 0) {
        seal(contents, log, device, record, reader);
      }
    }
    cache.drop();
  }

  private void change(MemorySegment contents, long log, XlogDevice device, XlogRecord record) {
    int part = random.nextInt(8);
    int headers = record.headerBbs() * 512;
    int at =
        switch (part) {
          case 0 -> random.nextInt(48); // the header
          case 1, 2 -> headers + random.nextInt(Math.min(record.length(), 256));
          case 3 -> 44 + random.nextInt(256); // words of cycles
          default -> headers + random.nextInt(record.length());
        };
    if (part > 3 && at % 512 < 4) {
      at += 4; // not the cycle
    }
    long position = log + (device.wrap(record.block() + at / 512) * 512L) + at % 512;
    byte value =
        (byte) (random.nextBoolean() ? VALUES[random.nextInt(VALUES.length)] : random.nextInt());
    contents.set(ValueLayout.JAVA_BYTE, position, value);
  }

  private static void seal(
      MemorySegment contents, long log, XlogDevice device, XlogRecord record, XlogReader reader)
      throws ErrnoException {
    BufData all = reader.read(record.block(), record.bbs());
    int crc = XlogReader.crc(record, all, XlogFormat.XLOG_REC_SIZE);
    contents.set(LE, log + device.wrap(record.block()) * 512L + XlogFormat.H_CRC, crc);
  }

  /**
   * Has Linux leave an image with a dirty log, and runs many mutations of it.
   *
   * @param directory empty
   * @param count the number of mutations
   * @param seed of the work and of the mutations, not negative
   * @return the numbers of results
   */
  public static String run(Path directory, int count, long seed) throws Exception {
    try (DirtyImages images = new DirtyImages(directory)) {
      DirtyImages.Work work =
          new DirtyImages.Work("-m reflink=0,rmapbt=1 -l size=16m", seed, 2, false, true);
      Path image = images.make(work, DirtyImages.Way.CUT, 300, 1).getFirst();
      MutatedLogs logs = new MutatedLogs(image, seed);
      long longest = 0;
      for (int i = 0; i < count; i++) {
        long start = System.nanoTime();
        logs.one();
        longest = Math.max(longest, System.nanoTime() - start);
      }
      Files.delete(image);
      return String.format(
          Locale.ROOT,
          "%d mounted, %d refused, the longest %d ms",
          logs.mounted(),
          logs.refused(),
          longest / 1_000_000);
    }
  }
}
