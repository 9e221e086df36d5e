// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.RingProgram;
import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.driver.RamDisk;
import io.pollux.core.Oops;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.fixture.FakeInode;
import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Fcntl;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** An end_io throws after its request completed, while the object serves another request. */
@Timeout(60)
class LateEndIoTest {
  private static final int SUBMIT = AioAbi.IORING_FLAG_SUBMIT;
  private static final int GETEVENTS = AioAbi.IORING_FLAG_GETEVENTS;

  private final RamDisk ram = new RamDisk(1 << 20);
  private final BlockDevice bdev = ram.disk("ram0", 1, false);
  private final RingProgram program = new RingProgram(FakeFile.held(1 << 20), 9);
  private final List<String> said = new CopyOnWriteArrayList<>();

  @BeforeEach
  void listen() {
    Oops.setSink((sentence, thrown) -> said.add(sentence));
  }

  @AfterEach
  void nothingIsLeft() {
    program.close();
    ram.close();
    Oops.setSink(null);
  }

  /** A file that has one bio, which the test completes. */
  private final class OneBio implements FileOperations {
    private final Bio bio = Bio.embedded();
    private final List<Kiocb> seen = new ArrayList<>();
    private final CountDownLatch completed = new CountDownLatch(1);
    private final CountDownLatch reused = new CountDownLatch(1);

    private void endIo(Bio ended) {
      Kiocb iocb = (Kiocb) requireNonNull(ended.owner());
      ended.put();
      FakeFile.complete(iocb, 4096);
      completed.countDown();
      try {
        reused.await();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
      throw new AssertionError("broken");
    }

    @Override
    public boolean hasReadIter() {
      return true;
    }

    @Override
    public long readIter(Task current, Kiocb iocb, IovIter to) {
      seen.add(iocb);
      bio.init(bdev, 0, BlkTypes.REQ_OP_READ, this::endIo, iocb);
      return -Kiocb.EIOCBQUEUED;
    }

    @Override
    public boolean hasIopoll() {
      return true;
    }

    @Override
    public int iopoll(Kiocb iocb, boolean spin) {
      return 0;
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {RingProgram.RINGS, RingProgram.POLLED})
  void theRequestThatHasItsObjectNowIsNotFailed(int flags) throws InterruptedException {
    assertThat(program.setup(flags)).isZero();
    boolean polled = (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0;
    OneBio file = new OneBio();
    int fd = program.install(FakeInode.open(program.files, file, Fcntl.O_RDWR | Fcntl.O_DIRECT));
    program.prepareRead(fd, 0, 1, polled);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    CompletableFuture<Void> device = CompletableFuture.runAsync(() -> file.bio.endio(0));
    file.completed.await();
    assertThat(program.enter(0, 1, GETEVENTS)).isZero();
    assertThat(program.reap()).containsExactly(new AioEvent(1, 0, 4096, 0));

    program.prepareRead(fd, 0, 2, polled);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    // another thread freed it onto a list that the slab uses once its magazine is empty
    assertThat(file.seen.get(1)).as("the object is reused").isSameAs(file.seen.get(0));
    file.reused.countDown();
    device.join();
    program.enter(0, 0, GETEVENTS);
    assertThat(program.reap()).as("the second request is in flight").isEmpty();
    assertThat(file.bio.owner()).as("the second request owns the bio").isSameAs(file.seen.get(1));

    FakeFile.complete(file.seen.get(1), 4096);
    file.bio.put();
    assertThat(program.enter(0, 1, GETEVENTS)).isZero();
    assertThat(program.reap()).containsExactly(new AioEvent(2, 1, 4096, 0));
    assertThat(program.destroy()).isZero();
    assertThat(said)
        .containsExactly(
            "kernel oops in the end_io of a bio: java.lang.AssertionError: broken; "
                + "its request fails with EIO if it is not complete");
  }
}
