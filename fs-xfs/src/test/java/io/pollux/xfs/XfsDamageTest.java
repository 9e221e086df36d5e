// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.fixture.HeldDisk;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Damage at random places of the metadata, each by its own seed: a changed byte or block is either
 * noticed or without effect. With a repaired checksum, as in an attack, any contents may be read,
 * but no read may crash or hang.
 */
@Timeout(120)
final class XfsDamageTest {
  private static final int BLOCK = 4096;
  private static final int ROUNDS = 40;
  private static final ValueLayout.OfInt BE32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  /** A structure with a checksum. */
  private record Sealed(long at, int length, int crcOffset) {}

  private final Arena arena = Arena.ofShared();
  private final List<Long> metadata = new ArrayList<>(); // blocks, by their position
  private final List<Sealed> sealed = new ArrayList<>();
  private HeldDisk disk = new HeldDisk(MemorySegment.ofArray(new byte[512])).letThrough();
  private TreeSnapshot good = new TreeSnapshot();

  @BeforeEach
  void lookAtWhatIsGood(@TempDir Path directory) throws IOException, InterruptedException {
    disk = MkfsImage.disk(MkfsImage.make(directory, "", new byte[50_000]), arena);
    good = TreeSnapshot.of(disk.disk(true));
    assertThat(good.failed).isEmpty();
    for (long at = 0; at < disk.contents().byteSize(); at += BLOCK) {
      MemorySegment block = disk.contents().asSlice(at, BLOCK);
      if (block.mismatch(MemorySegment.ofArray(new byte[BLOCK])) >= 0 && !isData(at)) {
        metadata.add(at);
        findSealed(at);
      }
    }
    assertThat(sealed).hasSizeGreaterThan(300);
  }

  @AfterEach
  void unmap() {
    arena.close();
  }

  private boolean isData(long at) {
    return good.data.stream().anyMatch(range -> range.from() <= at && at < range.to());
  }

  private void findSealed(long block) {
    for (int off = 0; off < BLOCK; off += 512) {
      long at = block + off;
      int magic = disk.contents().get(BE32, at);
      int second = disk.contents().get(BE32, at + 8) >>> 16;
      switch (magic) {
        case 0x58465342 -> sealed.add(new Sealed(at, 512, 224)); // XFSB
        case 0x58414746 -> sealed.add(new Sealed(at, 512, 216)); // XAGF
        case 0x58414749 -> sealed.add(new Sealed(at, 512, 312)); // XAGI
        case 0x58444233, 0x58444433 -> sealed.add(new Sealed(at, BLOCK, 4)); // XDB3, XDD3
        default -> {
          if (magic >>> 16 == 0x494e) { // IN
            sealed.add(new Sealed(at, 512, 100));
          } else if (second == 0x3df1 || second == 0x3dff || second == 0x3ebe) { // leaf, leaf, node
            sealed.add(new Sealed(at, BLOCK, 12));
          }
        }
      }
    }
  }

  /** Changes a range, reads everything, and restores the range. */
  private TreeSnapshot damage(long at, byte[] bytes) {
    MemorySegment place = disk.contents().asSlice(at, bytes.length);
    byte[] before = place.toArray(ValueLayout.JAVA_BYTE);
    place.copyFrom(MemorySegment.ofArray(bytes));
    TreeSnapshot snapshot = TreeSnapshot.of(disk.disk(true));
    place.copyFrom(MemorySegment.ofArray(before));
    return snapshot;
  }

  private byte[] bytesAt(long at, int length) {
    return disk.contents().asSlice(at, length).toArray(ValueLayout.JAVA_BYTE);
  }

  @Test
  void aByteIsChanged() {
    for (int seed = 0; seed < ROUNDS; seed++) {
      Random random = new Random(seed);
      long at = metadata.get(random.nextInt(metadata.size()));
      byte[] block = bytesAt(at, BLOCK);
      int off;
      do {
        off = random.nextInt(BLOCK);
      } while (block[off] == 0);
      block[off] ^= (byte) (1 + random.nextInt(255));
      assertThat(damage(at, block).wrong(good)).as("seed %d, byte %d", seed, at + off).isEmpty();
    }
  }

  @Test
  void aBlockIsReplaced() {
    for (int seed = 0; seed < ROUNDS; seed++) {
      Random random = new Random(seed);
      long at = metadata.get(random.nextInt(metadata.size()));
      byte[] block = new byte[BLOCK];
      switch (random.nextInt(3)) {
        case 0 -> random.nextBytes(block);
        case 1 -> block = bytesAt(metadata.get(random.nextInt(metadata.size())), BLOCK);
        default -> {} // zeroes
      }
      assertThat(damage(at, block).wrong(good)).as("seed %d, block at %d", seed, at).isEmpty();
    }
  }

  @Test
  void aFieldIsChangedAndTheChecksumMadeGood() {
    for (int seed = 0; seed < 3 * ROUNDS; seed++) {
      Random random = new Random(seed);
      Sealed structure = sealed.get(random.nextInt(sealed.size()));
      byte[] bytes = bytesAt(structure.at, structure.length);
      for (int changes = random.nextInt(1, 4); changes > 0; changes--) {
        int off = random.nextInt(random.nextBoolean() ? 256 : structure.length);
        int width = random.nextBoolean() ? 1 : Math.min(8, structure.length - off);
        byte value = (byte) (random.nextBoolean() ? random.nextInt() : -random.nextInt(2));
        for (int i = 0; i < width; i++) {
          bytes[off + i] = value;
        }
      }
      seal(bytes, structure.crcOffset);
      // it terminates, and throws nothing
      assertThat(damage(structure.at, bytes)).as("seed %d", seed).isNotNull();
    }
  }

  private static void seal(byte[] bytes, int at) {
    MemorySegment segment = MemorySegment.ofArray(bytes);
    segment.set(BE32, at, 0);
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    segment.set(BE32, at, Integer.reverseBytes((int) crc.getValue()));
  }

  @Test
  void theEndIsMissing() {
    for (long size = 1; size < disk.contents().byteSize(); size = size * 3 + 511) {
      HeldDisk shorter = new HeldDisk(disk.contents().asSlice(0, size)).letThrough();
      assertThat(TreeSnapshot.of(shorter.disk(true)).failed).containsExactly("/");
    }
  }
}
