// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.buffer;

import static io.pollux.block.buffer.TestBlocks.BLOCK;
import static io.pollux.block.buffer.TestBlocks.LEAF;
import static io.pollux.block.buffer.TestBlocks.NODE;
import static io.pollux.block.buffer.TestBlocks.SECTORS;
import static io.pollux.block.buffer.TestBlocks.VALUE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlkTypes;
import io.pollux.block.fixture.HeldDisk.Held;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A buffer: found, read, locked, changed, pinned, written. */
@Timeout(60)
final class BufTest {
  private final TestBlocks blocks = new TestBlocks(64);
  private final Task task = blocks.task;
  private final Task other = blocks.newTask();

  @AfterEach
  void end() {
    LEAF.refusesWrites = false;
    blocks.close();
  }

  /** Starts what may sleep. */
  private static <T> FutureTask<T> start(java.util.concurrent.Callable<T> call) {
    FutureTask<T> future = new FutureTask<>(call);
    Thread.ofPlatform().daemon().start(future);
    return future;
  }

  private static <T> T get(FutureTask<T> future) throws Exception {
    return future.get(30, TimeUnit.SECONDS);
  }

  private static void assertErrno(ThrowingCallable call, int errno, String sentence) {
    assertThatThrownBy(call)
        .hasMessage(sentence)
        .isInstanceOfSatisfying(ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(errno));
  }

  private BufData readAs(BufOps type) throws ErrnoException {
    return blocks.space.readData(task, 9 * BLOCK, BLOCK, type, () -> "block 9");
  }

  @Test
  void gettingABlockTwiceGivesOneBuffer() throws ErrnoException {
    Buf first = blocks.read(3);
    Buf second = blocks.get(3);
    assertThat(second).isSameAs(first);
    assertThat(blocks.space.find(3 * BLOCK, BLOCK)).isSameAs(first);
    for (int i = 0; i < 3; i++) {
      first.release();
    }
    assertThat(blocks.get(3)).isSameAs(first); // unused, and still in memory
    first.release();
    assertThat(blocks.disk.takeDone())
        .map(Held::line)
        .containsExactly("read " + 3 * SECTORS + "+" + SECTORS);
  }

  @Test
  void threadsThatGetABlockAtOnceHaveOneBuffer() throws Exception {
    int threads = 4;
    CountDownLatch ready = new CountDownLatch(threads);
    List<FutureTask<List<Buf>>> running = new ArrayList<>();
    for (int i = 0; i < threads; i++) {
      running.add(
          start(
              () -> {
                ready.countDown();
                ready.await();
                List<Buf> mine = new ArrayList<>();
                for (int block = 0; block < 64; block++) {
                  mine.add(blocks.get(block));
                }
                return mine;
              }));
    }
    List<List<Buf>> found = new ArrayList<>();
    // all hold theirs: an empty buffer ends with its last reference
    for (FutureTask<List<Buf>> thread : running) {
      found.add(get(thread));
    }
    assertThat(found).containsOnly(found.getFirst());
    found.forEach(each -> each.forEach(Buf::release));
    assertThat(blocks.space.find(0, BLOCK)).isNull(); // without contents, nothing keeps it
  }

  @Test
  void aBufferOfAnotherSpaceIsAnother() throws ErrnoException {
    Buf mine = blocks.read(3);
    BufSpace elsewhere = blocks.cache.newSpace();
    Buf theirs = elsewhere.read(task, 3 * BLOCK, BLOCK, LEAF, () -> "block 3");
    assertThat(theirs).isNotSameAs(mine);
    assertThat(blocks.disk.takeDone()).hasSize(2);
    mine.release();
    theirs.release();
    elsewhere.invalidate();
    assertThat(elsewhere.find(3 * BLOCK, BLOCK)).isNull();
    assertThat(blocks.cache.bytes()).isEqualTo(BLOCK);
  }

  @Test
  void readersThatMeetReadOnce() throws Exception {
    blocks.disk.holdAgain();
    FutureTask<Buf> first = start(() -> blocks.read(5));
    FutureTask<Buf> second =
        start(() -> blocks.space.read(other, 5 * BLOCK, BLOCK, LEAF, () -> "block 5"));
    blocks.disk.awaitHeld(1);
    Thread.sleep(20); // a second request would come now
    assertThat(blocks.disk.held()).hasSize(1);
    blocks.disk.letThrough();
    assertThat(get(first)).isSameAs(get(second));
    get(first).release();
    get(second).release();
  }

  @Test
  void anErrorOfTheDiskIsNotKept() throws ErrnoException {
    blocks.disk.failEach(BlkTypes.REQ_OP_READ);
    assertErrno(() -> blocks.read(7), Errno.EIO, "block 7: can't be read");
    assertThat(blocks.space.find(7 * BLOCK, BLOCK)).isNull();
    blocks.disk.failNone();
    Buf buf = blocks.read(7);
    assertThat(buf.data().i32(VALUE)).isEqualTo(7);
    buf.release();
  }

  @Test
  void aBlockThatFailsItsVerifierIsNotKept() throws ErrnoException {
    blocks.damage(7 * BLOCK + 100, 1);
    assertErrno(() -> blocks.read(7), Errno.EUCLEAN, "block 7: bad checksum (leaf)");
    assertThat(blocks.space.find(7 * BLOCK, BLOCK)).isNull();
    assertThat(blocks.cache.bytes()).isZero();
    blocks.damage(7 * BLOCK + 100, 0);
    Buf buf = blocks.read(7);
    assertThat(buf.data().i32(VALUE)).isEqualTo(7);
    buf.release();
  }

  @Test
  void aBlockInMemoryIsVerifiedForEveryOtherType() throws ErrnoException {
    Buf buf = blocks.read(7);
    assertErrno(
        () -> blocks.space.readData(task, 7 * BLOCK, BLOCK, NODE, () -> "block 7"),
        Errno.EUCLEAN,
        "block 7: bad magic number (node)");
    assertThat(blocks.get(7)).isSameAs(buf);
    buf.release();
    buf.release();
    assertThat(blocks.disk.takeDone()).hasSize(1);
  }

  @Test
  void nothingBeyondTheDeviceIsRead() {
    String sentence = "it: beyond the end of the device";
    for (long position : new long[] {64 * BLOCK, 63 * BLOCK + 512, -512, Long.MAX_VALUE & -512}) {
      assertErrno(
          () -> blocks.space.read(task, position, BLOCK, LEAF, () -> "it"),
          Errno.EUCLEAN,
          sentence);
      assertErrno(() -> blocks.space.get(position, BLOCK, () -> "it"), Errno.EUCLEAN, sentence);
      assertErrno(
          () -> blocks.cache.readUncached(task, position, BLOCK, "it"), Errno.EUCLEAN, sentence);
    }
    assertErrno(() -> blocks.space.get(0, 0, () -> "it"), Errno.EUCLEAN, sentence);
    assertErrno(
        () -> blocks.space.readPieces(task, new long[] {0, 512, 64 * BLOCK, 512}, LEAF, () -> "it"),
        Errno.EUCLEAN,
        sentence);
    assertThat(blocks.disk.takeDone()).isEmpty();
  }

  @Test
  void theLockExcludes() throws Exception {
    Buf buf = blocks.read(1);
    buf.lock(task);
    assertThat(buf.tryLock(other)).isFalse();
    CountDownLatch asks = new CountDownLatch(1);
    FutureTask<Boolean> waits =
        start(
            () -> {
              asks.countDown();
              buf.lock(other);
              return true;
            });
    asks.await();
    Thread.sleep(20);
    assertThat(waits.isDone()).isFalse();
    buf.unlock();
    assertThat(get(waits)).isTrue();
    assertThat(buf.locked()).isTrue();
    assertThat(buf.tryLock(task)).isFalse();
    buf.unlock(); // not by the task that locked it
    assertThat(buf.locked()).isFalse();
    buf.release();
  }

  @Test
  void aTaskThatLocksTwiceIsToldOfDamage() throws ErrnoException {
    Buf buf = blocks.read(1);
    buf.lock(task);
    assertErrno(
        () -> buf.lock(task),
        Errno.EUCLEAN,
        "block at byte 1024: two structures of one change claim it");
    buf.unlock();
    buf.lock(task);
    buf.unlock();
    buf.release();
  }

  @Test
  void misuseIsAnAssertion() throws ErrnoException {
    Buf buf = blocks.read(1);
    assertThatThrownBy(buf::unlock).isInstanceOf(AssertionError.class);
    assertThatThrownBy(buf::edit).isInstanceOf(AssertionError.class);
    assertThatThrownBy(buf::markDirty).isInstanceOf(AssertionError.class);
    assertThatThrownBy(buf::stale).isInstanceOf(AssertionError.class);
    assertThatThrownBy(() -> buf.write(task)).isInstanceOf(AssertionError.class);
    assertThatThrownBy(() -> buf.setLogItem(null)).isInstanceOf(AssertionError.class);
    buf.lock(task);
    assertThatThrownBy(buf::markDirty).isInstanceOf(AssertionError.class);
    BufEdit edit = buf.edit();
    assertThatThrownBy(() -> buf.write(task)).isInstanceOf(AssertionError.class);
    buf.markDirty();
    assertThatThrownBy(() -> edit.put8(0, 0)).isInstanceOf(AssertionError.class);
    buf.write(task);
    buf.unlock();
    buf.release();
  }

  @Test
  void aReleaseWithoutAReferenceIsAnAssertion() throws ErrnoException {
    BufSpace space = new TestBlocks(4).space; // not closed: its counts are wrong after this
    Buf buf = space.read(task, 0, BLOCK, LEAF, () -> "block 0");
    buf.release();
    assertThatThrownBy(buf::hold).isInstanceOf(AssertionError.class);
    Buf again = space.read(task, BLOCK, BLOCK, LEAF, () -> "block 1");
    again.release();
    assertThatThrownBy(again::release).isInstanceOf(AssertionError.class);
  }

  @Test
  void anUnpinWithoutAPinIsAnAssertion() throws ErrnoException {
    Buf buf = new TestBlocks(4).space.read(task, 0, BLOCK, LEAF, () -> "block 0");
    assertThatThrownBy(buf::unpin).isInstanceOf(AssertionError.class);
  }

  @Test
  void aChangeIsSeenWhenItIsPublishedAndNotBefore() throws ErrnoException {
    Buf buf = blocks.read(2);
    BufData before = buf.data();
    buf.lock(task);
    buf.edit().put32(VALUE, 77);
    assertThat(buf.edit().i32(VALUE)).isEqualTo(77);
    assertThat(buf.data().i32(VALUE)).isEqualTo(2);
    buf.markDirty();
    assertThat(buf.data().i32(VALUE)).isEqualTo(77);
    assertThat(before.i32(VALUE)).isEqualTo(2);
    buf.edit().put32(VALUE, 78);
    assertThat(buf.data().i32(VALUE)).isEqualTo(77);
    buf.unlock(); // drops the second change
    assertThat(buf.data().i32(VALUE)).isEqualTo(77);
    buf.release();
  }

  @Test
  void aCancelledChangeLeavesNoTrace() throws ErrnoException {
    Buf buf = blocks.read(2);
    buf.lock(task);
    BufEdit edit = buf.edit();
    edit.put32(VALUE, 77);
    buf.unlock();
    assertThat(buf.data().i32(VALUE)).isEqualTo(2);
    assertThat(buf.dirty()).isFalse();
    assertThatThrownBy(() -> edit.put32(VALUE, 78)).isInstanceOf(AssertionError.class);
    buf.release();
  }

  @Test
  void writeWritesWhatIsDirtyAndCleansIt() throws ErrnoException {
    Buf buf = blocks.read(2);
    buf.lock(task);
    TestBlocks.change(buf, 77);
    assertThat(buf.dirty()).isTrue();
    assertThat(blocks.onDisk(2)).isEqualTo(2);
    buf.write(task);
    assertThat(buf.dirty()).isFalse();
    assertThat(blocks.onDisk(2)).isEqualTo(77);
    buf.unlock();
    buf.release();
    blocks.space.invalidate();
    Buf again = blocks.read(2); // from the disk: its checksum is good
    assertThat(again).isNotSameAs(buf);
    assertThat(again.data().i32(VALUE)).isEqualTo(77);
    again.release();
  }

  @Test
  void aWriteThatFailsLeavesTheBufferDirty() throws ErrnoException {
    Buf buf = blocks.read(2);
    blocks.disk.failEach(BlkTypes.REQ_OP_WRITE);
    buf.lock(task);
    TestBlocks.change(buf, 77);
    assertErrno(() -> buf.write(task), Errno.EIO, "block 2: can't be written");
    buf.unlock();
    assertThat(buf.dirty()).isTrue();
    assertThat(blocks.cache.writeBack(task)).isEqualTo(-Errno.EIO);
    blocks.disk.failNone();
    assertThat(blocks.cache.writeBack(task)).isZero();
    assertThat(buf.dirty()).isFalse();
    assertThat(blocks.onDisk(2)).isEqualTo(77);
    buf.release();
  }

  @Test
  void aBlockThatFailsItsVerifierIsNotWritten() throws ErrnoException {
    blocks.dirty(2, 77);
    LEAF.refusesWrites = true;
    Buf buf = blocks.get(2);
    buf.lock(task);
    assertErrno(() -> buf.write(task), Errno.EUCLEAN, "block 2: must not be written (leaf)");
    buf.unlock();
    assertThat(buf.dirty()).isTrue();
    buf.release();
    assertThat(blocks.cache.writeBack(task)).isEqualTo(-Errno.EUCLEAN);
    assertThat(blocks.onDisk(2)).isEqualTo(2);
  }

  @Test
  void aPinnedBufferIsNotWritten() throws Exception {
    blocks.dirty(2, 77);
    Buf buf = blocks.get(2);
    buf.pin();
    buf.pin();
    assertThat(blocks.cache.writeBack(task)).isZero();
    assertThat(blocks.onDisk(2)).isEqualTo(2);
    assertThat(buf.dirty()).isTrue();
    FutureTask<Boolean> writes =
        start(
            () -> {
              buf.lock(other);
              buf.write(other);
              buf.unlock();
              return true;
            });
    while (!buf.locked()) {
      Thread.onSpinWait();
    }
    buf.unpin();
    Thread.sleep(20);
    assertThat(writes.isDone()).isFalse();
    assertThat(buf.pinned()).isTrue();
    assertThat(blocks.onDisk(2)).isEqualTo(2);
    buf.unpin();
    assertThat(get(writes)).isTrue();
    assertThat(blocks.onDisk(2)).isEqualTo(77);
    assertThat(buf.dirty()).isFalse();
    buf.release();
  }

  @Test
  void theLogItemLearnsOfWrites() throws ErrnoException {
    List<Integer> told = new ArrayList<>();
    BufLogItem item = (buf, status) -> told.add(status);
    Buf buf = blocks.read(2);
    buf.lock(task);
    buf.setLogItem(item);
    assertThat(buf.logItem()).isSameAs(item);
    TestBlocks.change(buf, 77);
    blocks.disk.failEach(BlkTypes.REQ_OP_WRITE);
    assertThatThrownBy(() -> buf.write(task)).isInstanceOf(ErrnoException.class);
    blocks.disk.failNone();
    buf.write(task);
    buf.setLogItem(null);
    buf.write(task);
    buf.unlock();
    buf.release();
    assertThat(told).containsExactly(-Errno.EIO, 0);
  }

  @Test
  void aStaleBufferIsNeverWrittenNorFound() throws ErrnoException {
    blocks.dirty(2, 77);
    Buf buf = blocks.get(2);
    buf.lock(task);
    buf.stale();
    assertThat(buf.dirty()).isFalse();
    TestBlocks.change(buf, 78);
    assertThat(buf.dirty()).isFalse();
    buf.write(task);
    buf.unlock();
    Buf fresh = blocks.read(2);
    assertThat(fresh).isNotSameAs(buf);
    assertThat(fresh.data().i32(VALUE)).isEqualTo(2);
    assertThat(buf.data().i32(VALUE)).isEqualTo(78);
    assertThat(blocks.cache.writeBack(task)).isZero();
    assertThat(blocks.onDisk(2)).isEqualTo(2);
    buf.release();
    fresh.release();
    assertThat(blocks.cache.bytes()).isEqualTo(BLOCK);
  }

  @Test
  void aCreatedBlockIsNotRead() throws ErrnoException {
    Buf buf = blocks.get(9);
    assertThatThrownBy(buf::data).isInstanceOf(IllegalStateException.class);
    buf.lock(task);
    buf.create(NODE, "block 9").put32(0, 0x4e4f4445);
    buf.markDirty();
    TestBlocks.change(buf, 5);
    assertThat(blocks.disk.takeDone()).isEmpty();
    buf.write(task);
    buf.unlock();
    buf.release();
    assertThat(blocks.disk.takeDone())
        .map(Held::line)
        .containsExactly("write " + 9 * SECTORS + "+" + SECTORS);
    blocks.space.invalidate();
    assertThat(blocks.space.readData(task, 9 * BLOCK, BLOCK, NODE, () -> "block 9").i32(VALUE))
        .isEqualTo(5);
  }

  @Test
  void aCreationThatIsCancelledLeavesTheBlockToBeRead() throws ErrnoException {
    Buf buf = blocks.get(9);
    buf.lock(task);
    buf.create(NODE, "block 9");
    buf.unlock();
    buf.release();
    Buf again = blocks.read(9);
    assertThat(again.data().i32(VALUE)).isEqualTo(9);
    again.release();
  }

  @Test
  void aBlockMayTurnIntoAnotherType() throws ErrnoException {
    Buf buf = blocks.read(9);
    buf.lock(task);
    buf.setOps(NODE);
    buf.edit().put32(0, 0x4e4f4445);
    buf.markDirty();
    buf.write(task);
    buf.unlock();
    buf.release();
    assertThatThrownBy(() -> blocks.read(9)).hasMessage("block 9: bad magic number (leaf)");
    blocks.space.invalidate();
    assertThat(blocks.space.readData(task, 9 * BLOCK, BLOCK, NODE, () -> "block 9").i32(VALUE))
        .isEqualTo(9);
  }

  /** A reader without the lock takes the contents with the type that they have. */
  @Test
  void theTypeChangesWithTheContents() throws ErrnoException {
    Buf buf = blocks.read(9);
    buf.lock(task);
    buf.setOps(NODE);
    assertThat(readAs(LEAF).i32(VALUE)).isEqualTo(9);
    assertThatThrownBy(() -> readAs(NODE)).hasMessage("block 9: bad magic number (node)");
    buf.unlock(); // nothing was published
    buf.lock(task);
    buf.create(NODE, "block 9").put32(0, 0x4e4f4445);
    assertThat(readAs(LEAF).i32(VALUE)).isEqualTo(9);
    assertThatThrownBy(() -> readAs(NODE)).hasMessage("block 9: bad magic number (node)");
    buf.markDirty();
    assertThat(readAs(NODE).i32(VALUE)).isZero();
    assertThatThrownBy(() -> readAs(LEAF)).hasMessage("block 9: bad magic number (leaf)");
    buf.unlock();
    buf.release();
  }

  @Test
  void aBlockMayLieInPieces() throws ErrnoException {
    long[] pieces = {20 * BLOCK, 512, 30 * BLOCK + 512, 512};
    blocks.damage(30 * BLOCK + 512 + 3, 5);
    assertThatThrownBy(() -> blocks.space.readPieces(task, pieces, LEAF, () -> "it"))
        .hasMessage("it: bad checksum (leaf)");
    blocks.damage(20 * BLOCK + 7, 20 + 5); // the checksum
    Buf buf = blocks.space.readPieces(task, pieces, LEAF, () -> "it");
    assertThat(buf.data().i32(512)).isEqualTo(5);
    assertThat(buf.position()).isEqualTo(20 * BLOCK);
    assertThat(buf.length()).isEqualTo(BLOCK);
    blocks.disk.takeDone();
    buf.lock(task);
    buf.edit().put32(512, 6);
    buf.markDirty();
    buf.write(task);
    buf.unlock();
    assertThat(blocks.disk.takeDone()).map(Held::line).containsExactly("write 40+1", "write 61+1");
    assertThat(blocks.disk.contents().get(ValueLayout.JAVA_BYTE, 30 * BLOCK + 512 + 3))
        .isEqualTo((byte) 6);
    assertThat(blocks.space.readPieces(task, pieces.clone(), LEAF, () -> "it")).isSameAs(buf);
    assertErrno(
        () ->
            blocks.space.readPieces(
                task, new long[] {20 * BLOCK, 512, 31 * BLOCK, 512}, LEAF, () -> "it"),
        Errno.EUCLEAN,
        "it: another structure has a part of it");
    assertErrno(
        () -> blocks.read(20), Errno.EUCLEAN, "block 20: another structure has a part of it");
    buf.release();
    buf.release();
  }

  @Test
  void theFirstPieceMayBeTheLastOfTheDevice() throws ErrnoException {
    int last = 63 * BLOCK + 512;
    MemorySegment disk = blocks.disk.contents();
    MemorySegment.copy(disk, 20 * BLOCK, disk, last, 512);
    MemorySegment.copy(disk, 20 * BLOCK + 512, disk, 30 * BLOCK, 512);
    Buf buf =
        blocks.space.readPieces(task, new long[] {last, 512, 30 * BLOCK, 512}, LEAF, () -> "it");
    assertThat(buf.data().i32(VALUE)).isEqualTo(20);
    buf.release();
  }

  @Test
  void theTextOfABufferHasItsState() throws ErrnoException {
    Buf buf = blocks.get(1);
    assertThat(buf).hasToString("buffer 1024+1024, 1 references");
    assertThat(blocks.read(1)).isSameAs(buf);
    assertThat(buf).hasToString("buffer 1024+1024 leaf, 2 references");
    assertThat(buf.tryLock(task)).isTrue();
    buf.pin();
    TestBlocks.change(buf, 7);
    assertThat(buf).hasToString("buffer 1024+1024 leaf, 4 references, locked, pinned, dirty");
    buf.unpin();
    buf.stale();
    assertThat(buf).hasToString("buffer 1024+1024 leaf, 2 references, locked, stale");
    buf.unlock();
    buf.release();
    buf.release();
  }

  @Test
  void aTaskThatLocksAgainAfterTryLockGetsTheErrnoForDamage() throws ErrnoException {
    Buf buf = blocks.read(1);
    assertThat(buf.tryLock(task)).isTrue();
    assertErrno(
        () -> buf.lock(task),
        Errno.EUCLEAN,
        "block at byte 1024: two structures of one change claim it");
    buf.unlock();
    buf.release();
  }

  /** The fast path of a reader takes contents of one piece and of the same type. */
  @Test
  void aHitWithoutAReferenceNeedsTheTypeAndOnePiece() throws ErrnoException {
    Buf buf = blocks.get(1);
    assertThat(buf.dataOf(LEAF)).isNull();
    blocks.read(1).release();
    assertThat(buf.dataOf(LEAF)).isSameAs(buf.data());
    assertThat(buf.dataOf(NODE)).isNull();
    buf.release();
    Buf pieces =
        blocks.space.readPieces(
            task, new long[] {2 * BLOCK, 512, 2 * BLOCK + 512, 512}, LEAF, () -> "it");
    assertThat(pieces.data().i32(VALUE)).isEqualTo(2);
    assertThat(pieces.dataOf(LEAF)).isNull();
    pieces.release();
  }
}
