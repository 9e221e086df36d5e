// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkTypes;
import io.pollux.block.fixture.BlockRig;
import io.pollux.uapi.BlkIoctl;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Reads and writes, direct and through the page cache. */
abstract class DiskTransferBehaviours extends DiskBehaviours {
  private static final int PAGE = 4096;
  private static final int LONG_TRANSFER = 256; // sectors

  @Test
  void readsReturnWhatWasWritten() {
    try (DiskCalls io = calls(main, DIRECT)) {
      for (int rwf : rwfs()) {
        long sector = 0;
        while (sector < main.sectors()) {
          long sectors = Math.min(size(main, LONG_TRANSFER), main.sectors() - sector);
          write(main, io, sector, sectors, rwf);
          sector += sectors;
        }
        sector = 0;
        while (sector < main.sectors()) {
          long sectors = Math.min(size(main, LONG_TRANSFER), main.sectors() - sector);
          check(main, io, sector, sectors, rwf);
          sector += sectors;
        }
      }
    }
  }

  @Test
  void everySizeFromABlockToTheLargestTransferIsWhole() {
    List<Integer> sizes = new ArrayList<>();
    for (int blocks = 1; blocks <= 40; blocks++) {
      sizes.add(blocks * main.step());
    }
    long most = Math.min(main.sectors(), DiskCalls.MAX_BYTES >> SHIFT);
    for (int power = 64; power <= most; power *= 2) {
      sizes.add(power - main.step());
      sizes.add(power);
      sizes.add(power + main.step());
    }
    sizes.add(main.most() & -main.step());
    sizes.add((main.most() & -main.step()) + main.step());
    try (DiskCalls io = calls(main, DIRECT)) {
      for (int sectors : sizes) {
        for (int rwf : rwfs()) {
          if (sectors <= most) {
            long at = place(main, sectors);
            write(main, io, at, sectors, rwf);
            check(main, io, at, sectors, rwf);
          }
        }
      }
    }
  }

  @Test
  void vectorsOfOddLengthsAtOddPlacesAreWhole() {
    try (DiskCalls io = calls(main, DIRECT)) {
      for (int turn = 0; turn < 50; turn++) {
        int[] pieces = random.ints(1 + random.nextInt(20), 1, 12).toArray();
        int sectors = 0;
        long[] ranges = new long[2 * pieces.length];
        long address = io.data();
        for (int i = 0; i < pieces.length; i++) {
          address += (long) random.nextInt(9) * main.block(); // gaps, so that no two adjoin
          ranges[2 * i] = address;
          ranges[2 * i + 1] = (long) pieces[i] * main.block();
          address += ranges[2 * i + 1];
          sectors += pieces[i] * main.step();
        }
        long at = place(main, sectors);
        int rwf = rwfs()[turn % rwfs().length];
        int version = main.contents().newVersion();
        long sector = at;
        for (int i = 0; i < pieces.length; i++) {
          main.contents().fill(ranges[2 * i], sector, ranges[2 * i + 1] >> SHIFT, version);
          sector += ranges[2 * i + 1] >> SHIFT;
        }
        expect(io.vector(Nr.PWRITEV2, at << SHIFT, rwf, ranges), (long) sectors << SHIFT);
        main.contents().set(at, sectors, version);
        RawMemory.zero(io.data(), address - io.data());
        expect(io.vector(Nr.PREADV2, at << SHIFT, rwf, ranges), (long) sectors << SHIFT);
        sector = at;
        for (int i = 0; i < pieces.length; i++) {
          main.contents().check(ranges[2 * i], sector, ranges[2 * i + 1] >> SHIFT);
          sector += ranges[2 * i + 1] >> SHIFT;
        }
      }
    }
  }

  @Test
  @NeedsDisk(DiskFeature.STORES)
  void aWriteLeavesItsNeighboursAlone() {
    try (DiskCalls io = calls(main, DIRECT)) {
      writeAll(main, io);
      for (int turn = 0; turn < 40; turn++) {
        int sectors = size(main, 24);
        write(main, io, place(main, sectors), sectors, rwfs()[turn % rwfs().length]);
      }
      checkAll(main, io);
    }
  }

  @Test
  @NeedsDisk(DiskFeature.STORES)
  void aBufferedWriteOfAnyBytesKeepsTheBytesAroundIt() {
    int bytes = 4 * PAGE;
    try (DiskCalls io = calls(main, Fcntl.O_RDWR)) {
      byte[] expected = new byte[bytes];
      random.nextBytes(expected);
      put(io, expected, 0, bytes);
      expect(io.write(0, bytes, 0), bytes);
      for (int turn = 0; turn < 50; turn++) {
        int at = random.nextInt(bytes - 1);
        int length = 1 + random.nextInt(Math.min(bytes - at, 700));
        for (int i = 0; i < length; i++) {
          expected[at + i] = (byte) random.nextInt();
        }
        put(io, expected, at, length);
        expect(io.write(at, length, 0), length);
        if (turn % 10 == 0) {
          expect(io.fsync(), 0);
        }
      }
      expect(io.fsync(), 0);
      try (DiskCalls direct = calls(main, DIRECT)) {
        expect(direct.read(0, bytes, 0), bytes);
        assertThat(found(direct, bytes)).isEqualTo(expected);
      }
    }
  }

  private static void put(DiskCalls io, byte[] bytes, int from, int length) {
    for (int i = 0; i < length; i++) {
      RawMemory.putByte(io.data() + i, bytes[from + i]);
    }
  }

  private static byte[] found(DiskCalls io, int length) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = RawMemory.getByte(io.data() + i);
    }
    return bytes;
  }

  @Test
  void directAndBufferedTransfersSeeEachOther() {
    try (DiskCalls buffered = calls(main, Fcntl.O_RDWR);
        DiskCalls direct = calls(main, DIRECT)) {
      for (int turn = 0; turn < 30; turn++) {
        int sectors = size(main, 40);
        long at = place(main, sectors);
        write(main, turn % 2 == 0 ? buffered : direct, at, sectors, 0);
        check(main, turn % 2 == 0 ? direct : buffered, at, sectors, 0);
      }
    }
  }

  @Test
  void aMisalignedDirectTransferIsEinval() {
    int block = main.block();
    try (DiskCalls io = calls(main, DIRECT)) {
      for (int nr : new int[] {Nr.PREADV2, Nr.PWRITEV2}) {
        for (int rwf : rwfs()) {
          assertThatCall(io.vector(nr, 1, rwf, io.data(), block)).failsWith(Errno.EINVAL);
          assertThatCall(io.vector(nr, block / 2, rwf, io.data(), block)).failsWith(Errno.EINVAL);
          assertThatCall(io.vector(nr, 0, rwf, io.data(), block - 1)).failsWith(Errno.EINVAL);
          assertThatCall(io.vector(nr, 0, rwf, io.data() + 8, block)).failsWith(Errno.EINVAL);
          long odd = io.data() + PAGE + 1;
          assertThatCall(io.vector(nr, 0, rwf, io.data(), block, odd, block))
              .failsWith(Errno.EINVAL);
        }
      }
    }
  }

  @Test
  void aTransferAtTheEndIsShortAndOneBeyondItFails() {
    int block = main.block();
    try (DiskCalls io = calls(main, DIRECT)) {
      for (int rwf : rwfs()) {
        write(main, io, main.sectors() - main.step(), main.step(), rwf);
        check(main, io, main.sectors() - main.step(), main.step(), rwf);
        expect(io.read(main.bytes() - block, 4L * block, rwf), block);
        main.contents().fill(io.data(), main.sectors() - main.step(), main.step(), 1);
        expect(io.write(main.bytes() - block, 4L * block, rwf), block);
        main.contents().set(main.sectors() - main.step(), main.step(), 1);
        check(main, io, main.sectors() - main.step(), main.step(), rwf);
        expect(io.read(main.bytes(), block, rwf), 0);
        expect(io.read((Long.MAX_VALUE & -PAGE) - PAGE, block, rwf), 0);
        assertThatCall(io.write(main.bytes(), block, rwf)).failsWith(Errno.ENOSPC);
      }
    }
  }

  @Test
  void aBioOutsideTheDiskIsEioAndReachesNoDriver() {
    try (BlockRig rig = new BlockRig(main.device())) {
      int step = main.step();
      for (int opf : opfs()) {
        for (int op : new int[] {READ, WRITE}) {
          submit(rig, "beyond", op | opf, main.sectors(), step);
          submit(rig, "across", op | opf, main.sectors() - step, step, step);
          submit(rig, "negative", op | opf, -step, step);
          submit(rig, "overflow", op | opf, Long.MAX_VALUE, step);
        }
      }
      assertThat(awaitEnded(rig, 8 * opfs().length)).allMatch(each -> each.endsWith(" -5"));
      assertThat(main.device().queue().stats().reads()).isZero();
    }
  }

  @Test
  void aTransferOfNothingIsNothing() {
    try (DiskCalls io = calls(main, DIRECT)) {
      for (int rwf : rwfs()) {
        expect(io.read(0, 0, rwf), 0);
        expect(io.write(0, 0, rwf), 0);
        expect(io.vector(Nr.PREADV2, 0, rwf), 0);
      }
    }
  }

  @Test
  void theSizeIsTheSameEverywhere() {
    assertThat(main.bytes()).isPositive().isEqualTo(main.bytes() & -main.block());
    try (DiskCalls io = calls(main, Fcntl.O_RDONLY)) {
      assertThat(io.size()).isEqualTo(main.bytes());
      assertThat(io.number("BLKGETSIZE64", BlkIoctl.BLKGETSIZE64)).isEqualTo(main.bytes());
      assertThat(io.number("BLKGETSIZE", BlkIoctl.BLKGETSIZE)).isEqualTo(main.sectors());
      assertThat(io.number("BLKSSZGET", BlkIoctl.BLKSSZGET)).isEqualTo(main.block());
      assertThat(io.number("BLKPBSZGET", BlkIoctl.BLKPBSZGET))
          .isEqualTo(main.device().queue().limits().physicalBlockSize());
      assertThat(io.number("BLKROGET", BlkIoctl.BLKROGET)).isZero();
    }
  }

  @Test
  @NeedsDisk(DiskFeature.READ_ONLY)
  void aReadOnlyDiskReadsAndRefusesWrites() throws Exception {
    Attached readOnly = attach(disk.description(), true);
    int block = readOnly.block();
    try (DiskCalls io = calls(readOnly, DIRECT)) {
      assertThat(io.number("BLKROGET", BlkIoctl.BLKROGET)).isEqualTo(1);
      for (int rwf : rwfs()) {
        expect(io.read(0, block, rwf), block);
        assertThatCall(io.write(0, block, rwf)).failsWith(Errno.EPERM);
      }
      assertThatCall(io.range("BLKZEROOUT", BlkIoctl.BLKZEROOUT, 0, block)).failsWith(Errno.EPERM);
    }
    try (BlockRig rig = new BlockRig(readOnly.device())) {
      submit(rig, "write", WRITE, 0, readOnly.step());
      submit(rig, "durable", WRITE | BlkTypes.REQ_FUA, 0, readOnly.step());
      submit(rig, "read", READ, 0, readOnly.step());
      assertThat(awaitEnded(rig, 3)).containsExactlyInAnyOrder("write -1", "durable -1", "read 0");
    }
  }
}
