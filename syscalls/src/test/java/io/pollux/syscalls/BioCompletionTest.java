// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.RingProgram;
import io.pollux.block.Bio;
import io.pollux.block.BioEndIo;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.Plug;
import io.pollux.block.bdev.BdevInode;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.Oops;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.mm.IovIter;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Iocb;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A callback throws between the device and the event. The request has an event if its bio refers to
 * it. Teardown never blocks forever.
 */
@Timeout(60)
class BioCompletionTest {
  private static final int RINGS = RingProgram.RINGS;
  private static final int POLLED = RingProgram.POLLED;
  private static final int FIXED = AioAbi.IOCTX_FLAG_FIXEDBUFS;
  private static final int SQWQ = AioAbi.IOCTX_FLAG_SQWQ;
  private static final int SUBMIT = AioAbi.IORING_FLAG_SUBMIT;
  private static final String BROKEN = "java.lang.AssertionError: broken; ";

  private final HeldDisk disk = new HeldDisk(1 << 20);
  private final BlockDevice bdev = disk.disk();
  private final RingProgram program =
      new RingProgram(new BdevInode(new Ramfs(1), 2, bdev), Plug::new, 9);
  private final List<String> said = new CopyOnWriteArrayList<>();
  private boolean leaks;

  @BeforeEach
  void listen() {
    Oops.setSink((sentence, thrown) -> said.add(sentence));
  }

  @AfterEach
  void nothingIsLeft() {
    Oops.setSink(null);
    if (!leaks) {
      program.close();
      assertThat(bdev.queue().busyTags()).as("tags").isZero();
    }
  }

  /** A file on the disk, as a filesystem without iomap has it. */
  private abstract class OnDisk implements FileOperations {
    @Override
    public boolean hasReadIter() {
      return true;
    }

    @Override
    public boolean hasWriteIter() {
      return true;
    }

    @Override
    public boolean canDirect() {
      return true;
    }

    @Override
    public boolean hasIopoll() {
      return true;
    }

    @Override
    public int iopoll(Kiocb iocb, boolean spin) {
      return iocb.pollQueue() == null ? 0 : bdev.queue().blkPoll(iocb.kiCookie(), spin);
    }
  }

  /**
   * Passes requests to the file of the block device, and sets itself as their file again before
   * they complete.
   */
  private class Stacked extends OnDisk {
    private final File lower =
        new File(
            program.files,
            new BdevInode(new Ramfs(1), 3, bdev),
            null,
            Fcntl.O_RDWR | Fcntl.O_DIRECT);
    private final CountDownLatch set = new CountDownLatch(1);

    /** Waits until a request has this file again. By the test: a worker may submit the request. */
    void awaitSet() throws InterruptedException {
      assertThat(set.await(RingProgram.PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
    }

    @Override
    public long readIter(Task current, Kiocb iocb, IovIter to) {
      File own = iocb.file();
      iocb.kiFilp = lower;
      long result = lower.op().readIter(current, iocb, to);
      iocb.kiFilp = own;
      set.countDown();
      return result;
    }

    @Override
    public long writeIter(Task current, Kiocb iocb, IovIter from) {
      File own = iocb.file();
      iocb.kiFilp = lower;
      long result = lower.op().writeIter(current, iocb, from);
      // completion invalidates the pages of this file, which is no block device
      iocb.kiFilp = own;
      set.countDown();
      return result;
    }

    @Override
    public void release(File file) {
      lower.fput();
    }
  }

  /** Sends a bio of its own for each request. */
  private class OwnBio extends OnDisk {
    private final BioEndIo endIo;
    private final @Nullable Object owner; // null: the kiocb

    OwnBio(BioEndIo endIo, @Nullable Object owner) {
      this.endIo = endIo;
      this.owner = owner;
    }

    @Override
    public long readIter(Task current, Kiocb iocb, IovIter to) {
      Bio bio =
          Bio.alloc(
              current,
              bdev,
              iocb.kiPos >> BlkTypes.SECTOR_SHIFT,
              BlkTypes.REQ_OP_READ,
              endIo,
              owner == null ? iocb : owner);
      assertThat(bio.iovIterGetPages(to)).isZero();
      if (iocb.has(Kiocb.IOCB_HIPRI)) {
        bio.setPolled(iocb);
      }
      int cookie = bdev.submitBio(current, bio);
      iocb.publishPoll(bdev.queue(), cookie);
      return -Kiocb.EIOCBQUEUED;
    }
  }

  private static void broken(Bio bio) {
    throw new AssertionError("broken");
  }

  private int open(FileOperations ops) {
    return program.open(ops);
  }

  /** Waits for the requests of the caller or a worker, and completes them. */
  private void complete(int count) {
    disk.awaitHeld(count);
    for (int i = 0; i < count; i++) {
      disk.release(0);
    }
  }

  private void assertDestroyed() throws InterruptedException {
    Object result = program.destroyWithin(RingProgram.PATIENCE);
    leaks |= !Long.valueOf(0).equals(result);
    assertThat(result).isEqualTo(0L);
  }

  private long prepare(int fd, int data, boolean polled, int opcode) {
    long iocb = program.changeableRead(data * 4096L, data, polled);
    Iocb.aioFildes(iocb, fd);
    Iocb.aioLioOpcode(iocb, (short) opcode);
    return iocb;
  }

  @ParameterizedTest
  @ValueSource(ints = {RINGS, RINGS | FIXED, RINGS | SQWQ, POLLED, POLLED | FIXED})
  void theEndOfADirectRequestThatThrowsIsEio(int flags) throws InterruptedException {
    assertThat(program.setup(flags)).isZero();
    boolean polled = (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0;
    Stacked stacked = new Stacked();
    int fd = open(stacked);
    prepare(fd, 0, polled, AioAbi.IOCB_CMD_PWRITE);
    prepare(program.fd, 1, polled, AioAbi.IOCB_CMD_PREAD);
    assertThat(program.enter(2, 0, SUBMIT)).isEqualTo(2);
    stacked.awaitSet();
    complete(2);
    assertThat(program.awaitEvents(2, RingProgram.PATIENCE))
        .extracting(AioEvent::res)
        .containsExactlyInAnyOrder((long) -Errno.EIO, 4096L);
    assertThat(said).hasSize(1);
    assertThat(said.getFirst())
        // without a message once the code is compiled
        .startsWith("kernel oops in the end of a direct request: java.lang.ClassCastException")
        .endsWith("; the request fails with EIO");
    assertDestroyed();
  }

  @ParameterizedTest
  @ValueSource(ints = {RINGS, RINGS | FIXED, RINGS | SQWQ, POLLED, POLLED | FIXED})
  void anEndIoThatThrowsFailsTheRequestThatOwnsItsBio(int flags) throws InterruptedException {
    assertThat(program.setup(flags)).isZero();
    boolean polled = (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0;
    int fd = open(new OwnBio(BioCompletionTest::broken, null));
    prepare(fd, 0, polled, AioAbi.IOCB_CMD_PREAD);
    prepare(program.fd, 1, polled, AioAbi.IOCB_CMD_PREAD);
    assertThat(program.enter(2, 0, SUBMIT)).isEqualTo(2);
    complete(2);
    assertThat(program.awaitEvents(2, RingProgram.PATIENCE))
        .extracting(AioEvent::res)
        .containsExactlyInAnyOrder((long) -Errno.EIO, 4096L);
    assertThat(said)
        .containsExactly(
            "kernel oops in the end_io of a bio: "
                + BROKEN
                + "its request fails with EIO if it is not complete");
    assertDestroyed();
  }

  /** The end_io has released the bio and completed the request, so that nothing is left to do. */
  @ParameterizedTest
  @ValueSource(ints = {RINGS, POLLED})
  void anEndIoThatThrowsAfterItsCompletionHasOneEvent(int flags) throws InterruptedException {
    assertThat(program.setup(flags)).isZero();
    boolean polled = (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0;
    BioEndIo late =
        bio -> {
          Kiocb iocb = (Kiocb) requireNonNull(bio.owner());
          bio.releasePages();
          bio.put();
          FakeFile.complete(iocb, 4096);
          throw new AssertionError("broken");
        };
    prepare(open(new OwnBio(late, null)), 0, polled, AioAbi.IOCB_CMD_PREAD);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    complete(1);
    assertThat(program.awaitEvents(1, RingProgram.PATIENCE))
        .containsExactly(new AioEvent(0, 0, 4096, 0));
    assertThat(said).hasSize(1);
    assertDestroyed();
  }

  /** Nothing refers to the request: it has no event, and teardown abandons it after a timeout. */
  @ParameterizedTest
  @ValueSource(ints = {RINGS, POLLED})
  void anEndIoThatDropsItsRequestDoesNotBlockTeardown(int flags) throws InterruptedException {
    leaks = true; // the file and the memory of the request
    assertThat(program.setup(flags)).isZero();
    boolean polled = (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0;
    prepare(open(new OwnBio(BioCompletionTest::broken, this)), 0, polled, AioAbi.IOCB_CMD_PREAD);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    complete(1);
    leaks = true; // an abandoned request stays
    assertThat(program.destroyWithin(RingProgram.PATIENCE))
        .asString()
        .contains("IllegalStateException: an aio context ends before");
    assertThat(said)
        .containsExactly(
            "kernel oops in the end_io of a bio: "
                + BROKEN
                + "its request is lost, and the end of its context gives up on it");
    assertThat(bdev.queue().busyTags()).isZero();
  }
}
