// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap.space;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import io.pollux.block.BlockDevice;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.ErrnoException;
import io.pollux.iomap.Iomap;
import io.pollux.uapi.Errno;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Maps of blocks and the free blocks, against arrays. */
@Timeout(60)
final class BlockMapTest {
  private static final int SIZE = 1024; // of a block
  private static final int BLOCKS = 64; // of the device
  private static final int FIRST = 4; // block for files
  private static final int MOST = 40; // blocks of a file
  private static final int EXTENTS = 20;

  private final HeldDisk disk = new HeldDisk(BLOCKS * SIZE).letThrough();
  private final BlockDevice bdev = disk.disk();
  private FreeSpace space = newSpace();
  private BlockMap map = newMap();
  private final Iomap iomap = new Iomap();

  private FreeSpace newSpace() {
    return new FreeSpace(bdev, SIZE, FIRST * SIZE);
  }

  private BlockMap newMap() {
    return new BlockMap(space, MOST * SIZE, EXTENTS);
  }

  @AfterEach
  void close() {
    disk.close();
  }

  /** Returns what the map has in a range: type, first block of the file and of the disk, blocks. */
  private String find(long pos, long length) {
    map.find(pos, length, iomap);
    assertThat(iomap.offset()).isLessThanOrEqualTo(pos);
    String at = iomap.type() == Iomap.Type.HOLE ? "" : "@" + iomap.addr() / SIZE;
    return iomap.type() + " " + iomap.offset() / SIZE + at + " " + iomap.length() / SIZE;
  }

  private void allocate(int first, int blocks) {
    assertThat(map.allocate((long) first * SIZE, (long) blocks * SIZE)).isZero();
  }

  private int convert(int first, int blocks) {
    return map.convert((long) first * SIZE, (long) (first + blocks) * SIZE);
  }

  @Test
  void aNewBlockIsUnwrittenUntilItIsConverted() {
    assertThat(find(5 * SIZE, 3 * SIZE)).isEqualTo("HOLE 5 3");
    assertThat(map.has(5 * SIZE)).isFalse();
    allocate(5, 3);
    assertThat(map.has(5 * SIZE)).isTrue();
    assertThat(find(5 * SIZE, 9 * SIZE)).isEqualTo("UNWRITTEN 5@4 3");
    assertThat(iomap.bdev()).isSameAs(bdev);
    assertThat(map.convert(6 * SIZE, 6 * SIZE + 1)).isZero();
    assertThat(find(5 * SIZE, 9 * SIZE)).isEqualTo("UNWRITTEN 5@4 1");
    assertThat(find(6 * SIZE + 7, 9 * SIZE)).isEqualTo("MAPPED 6@5 1");
    assertThat(find(7 * SIZE, 9 * SIZE)).isEqualTo("UNWRITTEN 7@6 1");
    assertThat(convert(0, MOST)).isZero();
    assertThat(find(5 * SIZE, 9 * SIZE)).isEqualTo("MAPPED 5@4 3");
    assertThat(find(0, 9 * SIZE)).as("a hole is not converted").isEqualTo("HOLE 0 5");
    assertThat(map.bytes()).isEqualTo(3 * SIZE);
  }

  @Test
  void anExtentEndsWhereTheDiskDoesNotContinue() {
    allocate(2, 1);
    allocate(0, 1);
    allocate(1, 1);
    allocate(3, 1);
    convert(0, 4);
    assertThat(find(0, 99 * SIZE)).isEqualTo("MAPPED 0@5 2");
    assertThat(find(2 * SIZE, 99 * SIZE)).isEqualTo("MAPPED 2@4 1");
    assertThat(find(3 * SIZE, 99 * SIZE)).isEqualTo("MAPPED 3@7 1");
  }

  @Test
  void anAllocationStopsAtABlockAndKeepsBlocks() {
    allocate(3, 1);
    allocate(0, 9);
    assertThat(find(0, 9 * SIZE)).isEqualTo("UNWRITTEN 0@5 3");
    allocate(1, 1);
    assertThat(space.free()).isEqualTo(BLOCKS - FIRST - 4);
  }

  @Test
  void behindTheLargestSizeIsAHole() {
    allocate(MOST - 1, 9);
    assertThat(find((MOST - 1) * SIZE, Long.MAX_VALUE)).isEqualTo("UNWRITTEN 39@4 1");
    assertThat(find(MOST * SIZE, 8 * SIZE)).isEqualTo("HOLE 40 8");
    assertThat(find(0, Long.MAX_VALUE)).isEqualTo("HOLE 0 39");
    assertThat(map.has(Long.MAX_VALUE)).isFalse();
    assertThat(map.allocate(MOST * SIZE, 1)).isEqualTo(-Errno.EFBIG);
    assertThat(map.allocate(Long.MAX_VALUE, 1)).isEqualTo(-Errno.EFBIG);
    map.cut(Long.MAX_VALUE);
    assertThat(map.convert(Long.MAX_VALUE - 1, Long.MAX_VALUE)).isZero();
    assertThat(map.bytes()).isEqualTo(SIZE);
  }

  @Test
  void droppedBlocksAreFreeOnceAnEncodingWithoutThemIsDurable() {
    allocate(0, 10);
    long free = space.free();
    map.cut(6 * SIZE);
    map.freeDropped(); // durable is an encoding before the cut
    assertThat(space.free()).isEqualTo(free);
    encoded();
    map.cut(4 * SIZE); // while the inode is being written
    map.freeDropped();
    assertThat(space.free()).isEqualTo(free + 4);
    encoded(); // this write fails
    encoded();
    map.freeDropped();
    assertThat(space.free()).isEqualTo(free + 6);
    assertThat(map.bytes()).isEqualTo(4 * SIZE);
  }

  @Test
  void allBlocksOfARemovedFileBecomeFree() {
    allocate(0, 10);
    map.cut(8 * SIZE);
    encoded();
    map.cut(6 * SIZE);
    map.freeAll();
    map.freeAll();
    assertThat(space.free()).isEqualTo(BLOCKS - FIRST);
    assertThat(map.bytes()).isZero();
  }

  @Test
  void aFullDeviceIsEnospc() {
    BlockMap other = newMap();
    assertThat(other.allocate(0, 39 * SIZE)).isZero();
    allocate(0, 39); // gets what is left
    assertThat(map.bytes()).isEqualTo((BLOCKS - FIRST - 39) * SIZE);
    assertThat(map.allocate(30 * SIZE, SIZE)).isEqualTo(-Errno.ENOSPC);
    assertThat(find(30 * SIZE, SIZE)).isEqualTo("HOLE 30 1");
    other.freeAll();
    assertThat(map.allocate(30 * SIZE, SIZE)).isZero();
  }

  @Test
  void manyExtentsAreEnospcBeforeConversionsHaveNoRoom() {
    int allocated = 0;
    while (map.allocate(3L * allocated * SIZE, 2 * SIZE) == 0) {
      allocated++;
    }
    assertThat(allocated).isEqualTo(EXTENTS - EXTENTS / 4 * 3);
    for (int i = 0; i < allocated; i++) { // each splits an extent
      assertThat(convert(i * 3, 1)).isZero();
    }
    ByteBuffer bytes = encoded();
    assertThat(bytes.getInt(0)).isEqualTo(2 * allocated).isLessThanOrEqualTo(EXTENTS);
  }

  @Test
  void aConversionWithoutRoomChangesNothing() {
    map = new BlockMap(space, MOST * SIZE, 2);
    allocate(0, 8);
    assertThat(convert(3, 2)).isEqualTo(-Errno.ENOSPC);
    assertThat(find(0, 8 * SIZE)).isEqualTo("UNWRITTEN 0@4 8");
    assertThat(convert(0, 4)).isZero();
    assertThat(convert(6, 1)).isEqualTo(-Errno.ENOSPC);
    assertThat(convert(4, 4)).isZero();
  }

  private ByteBuffer encoded() {
    ByteBuffer bytes = ByteBuffer.allocate(4 + MOST * BlockMap.EXTENT_BYTES);
    map.encode(bytes);
    assertThat(bytes.position()).isEqualTo(4 + bytes.getInt(0) * BlockMap.EXTENT_BYTES);
    return bytes.flip();
  }

  @ParameterizedTest
  @ValueSource(ints = {MOST, 1000})
  void theMapAndItsEncodingBehaveAsAnArrayDoes(int most) throws ErrnoException {
    for (int seed = 0; seed < 12_000 / most; seed++) {
      Random random = new Random(seed);
      space = newSpace();
      map = new BlockMap(space, (long) most * SIZE, EXTENTS);
      char[] model = new char[most]; // 0, u or w
      for (int turn = 0; turn < 40; turn++) {
        int first = random.nextInt(most);
        int blocks = 1 + random.nextInt(Math.min(most - first, random.nextBoolean() ? MOST : most));
        switch (random.nextInt(4)) {
          case 0, 1 -> fill(model, first, blocks);
          case 2 -> {
            if (convert(first, blocks) == 0) {
              for (int i = first; i < first + blocks; i++) {
                model[i] = model[i] == 0 ? 0 : 'w';
              }
            }
          }
          default -> {
            map.cut((long) first * SIZE);
            Arrays.fill(model, first, most, (char) 0);
            encoded();
            map.freeDropped();
          }
        }
        checkAgainst(model, "seed " + seed + ", turn " + turn);
      }
      ByteBuffer bytes = encoded();
      String before = find(0, (long) most * SIZE);
      space = newSpace();
      map = new BlockMap(space, (long) most * SIZE, EXTENTS);
      map.decode(bytes);
      checkAgainst(model, "decoded, seed " + seed);
      assertThat(find(0, (long) most * SIZE)).isEqualTo(before);
      assertThat(encoded()).isEqualTo(bytes.flip());
    }
  }

  @Test
  void aSparseFileTakesMemoryOnlyForItsBlocks() throws ErrnoException {
    int blocks = 4 << 20;
    map = new BlockMap(space, (long) blocks * SIZE, EXTENTS);
    ThreadMXBean threads = ManagementFactory.getPlatformMXBean(ThreadMXBean.class);
    ByteBuffer list = ByteBuffer.allocate(16).putInt(1).putInt(blocks - 2).putInt(30).putInt(1);
    long before = threads.getCurrentThreadAllocatedBytes();
    map.decode(list.flip());
    allocate(blocks - 1, 1);
    long bytes = threads.getCurrentThreadAllocatedBytes() - before;
    assertThat(bytes).as("bytes of memory").isBetween(1L, 1L << 20);
    assertThat(find(5 * SIZE, Long.MAX_VALUE)).isEqualTo("HOLE 5 " + (blocks - 7));
    assertThat(encoded().getInt(0)).isEqualTo(2);
    map.cut(SIZE);
    assertThat(map.bytes()).isZero();
    assertThat(encoded().getInt(0)).isZero();
  }

  @Test
  void aFileOfTooManyBlocksIsRefused() {
    long most = (1L << 30) * SIZE;
    map = new BlockMap(space, most, EXTENTS);
    assertThat(find(0, most)).isEqualTo("HOLE 0 " + (1 << 30));
    assertThatThrownBy(() -> new BlockMap(space, most + SIZE, EXTENTS))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private void fill(char[] model, int first, int blocks) {
    if (map.allocate((long) first * SIZE, (long) blocks * SIZE) != 0) {
      return;
    }
    map.find((long) first * SIZE, (long) blocks * SIZE, iomap);
    for (int i = first; i < (iomap.offset() + iomap.length()) / SIZE; i++) {
      model[i] = model[i] == 0 ? 'u' : model[i];
    }
  }

  /** Checks each block, that no block of the disk is there twice, and the counts. */
  private void checkAgainst(char[] model, String what) {
    BitSet places = new BitSet();
    for (int i = 0; i < model.length; i++) {
      map.find((long) i * SIZE, 1, iomap);
      Iomap.Type expected =
          model[i] == 0
              ? Iomap.Type.HOLE
              : model[i] == 'u' ? Iomap.Type.UNWRITTEN : Iomap.Type.MAPPED;
      assertThat(iomap.type()).as("%s: block %d", what, i).isEqualTo(expected);
      if (model[i] != 0) {
        int place = (int) (iomap.addr() / SIZE);
        assertThat(place).as(what).isBetween(FIRST, BLOCKS - 1);
        assertThat(places.get(place)).as("%s: two blocks at %d", what, place).isFalse();
        places.set(place);
      }
    }
    assertThat(map.bytes()).as(what).isEqualTo((long) places.cardinality() * SIZE);
    assertThat(space.free()).as(what).isEqualTo(BLOCKS - FIRST - places.cardinality());
  }

  private void refuses(String message, int... numbers) {
    ByteBuffer bytes = ByteBuffer.allocate(numbers.length * Integer.BYTES);
    for (int number : numbers) {
      bytes.putInt(number);
    }
    space = newSpace();
    map = newMap();
    assertThatThrownBy(() -> map.decode(bytes.flip()))
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EUCLEAN))
        .hasMessageContaining(message);
  }

  @Test
  void anInvalidListIsRefused() throws ErrnoException {
    int max = Integer.MAX_VALUE;
    refuses("number of extents: -1");
    refuses("number of extents: -5", -5);
    refuses("number of extents: 2", 2, 0, 9, 1);
    refuses("number of extents: 21", Arrays.copyOf(new int[] {21}, 100));
    refuses("range: extent 0", 1, -1, 9, 1);
    refuses("range: extent 0", 1, 0, 9, 0);
    refuses("range: extent 0", 1, 0, 9, MOST + 1);
    refuses("range: extent 0", 1, max, 9, max);
    refuses("range: extent 1", 2, 0, 9, 2, 1, 20, 1);
    refuses("not free: extent 0", 1, 0, FIRST - 1, 2);
    refuses("not free: extent 0", 1, 0, BLOCKS - 1, 2);
    refuses("not free: extent 0", 1, 0, max, 2);
    refuses("not free: extent 1", 2, 0, 9, 2, 2, 10, 1);
    refuses("not free: extent 1", 2, 0, 9 | 1 << 31, 2, 2, 10, 1);
    map = newMap();
    BlockMap other = newMap();
    ByteBuffer list = ByteBuffer.allocate(16).putInt(1).putInt(0).putInt(30).putInt(2);
    map.decode(list.flip());
    assertThatThrownBy(() -> other.decode(list.rewind())).hasMessageContaining("not free");
  }

  @Test
  void theSearchContinuesBehindTheLastBlocksAndBeginsAgain() {
    assertThat(space.blocks()).isEqualTo(BLOCKS);
    assertThat(space.allocate(30)).isEqualTo((long) FIRST << 32 | 30);
    BitSet some = new BitSet();
    some.set(FIRST, FIRST + 3);
    space.free(some);
    assertThat(space.allocate(20)).isEqualTo((long) (FIRST + 30) << 32 | 20);
    assertThat(space.allocate(20)).isEqualTo((long) (FIRST + 50) << 32 | 10);
    assertThat(space.allocate(20)).isEqualTo((long) FIRST << 32 | 3);
    assertThat(space.allocate(20)).isZero();
    assertThat(space.free()).isZero();
  }

  @Test
  void blockZeroIsNeverFree() {
    FreeSpace whole = new FreeSpace(bdev, SIZE, 0);
    assertThat(whole.free()).isEqualTo(BLOCKS - 1);
    assertThat(whole.allocate(1) >>> 32).isOne();
    FreeSpace none = new FreeSpace(bdev, SIZE, 2L * BLOCKS * SIZE);
    assertThat(none.free()).isZero();
    assertThat(none.allocate(1)).isZero();
  }
}
