// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static io.pollux.iomap.IomapRig.BLOCK;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.Oops;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.fixture.ExtentFile;
import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The end of a mapping: called once after each mapping, with what was used of it. */
@Timeout(60)
class IomapEndTest {
  private final IomapRig rig = new IomapRig();
  private final ExtentFile file = rig.written(16);
  private final List<String> calls = new ArrayList<>();
  private final Ending ops = new Ending();

  @AfterEach
  void close() {
    Oops.setSink(null);
    rig.close();
  }

  private final class Ending implements IomapOps {
    boolean breaks;
    int result;

    @Override
    public int iomapBegin(
        Task current, Inode inode, long pos, long length, int flags, Iomap iomap) {
      calls.add("begin " + pos);
      return file.iomapBegin(current, inode, pos, length, flags, iomap);
    }

    @Override
    public boolean hasIomapEnd() {
      return true;
    }

    @Override
    public int iomapEnd(
        Task current, Inode inode, long pos, long length, long written, int flags, Iomap iomap) {
      calls.add("end " + pos + " " + written + "/" + length);
      assertThat(iomap.offset()).isEqualTo(pos / BLOCK * BLOCK);
      if (breaks) {
        throw new IllegalStateException("broken");
      }
      return result;
    }
  }

  private long direct(boolean sync, int flags, long bytes) {
    int how = Kiocb.IOCB_DIRECT | flags;
    Kiocb iocb = sync ? rig.sync(file, 0, how) : rig.async(file, 0, how);
    return IomapDio.rw(rig.current, file, iocb, rig.iter(true, rig.memory, bytes), ops, null);
  }

  @Test
  void aDirectReadEndsEachExtent() {
    assertThat(direct(true, 0, 2 * BLOCK)).isEqualTo(2 * BLOCK);
    assertThat(calls)
        .containsExactly("begin 0", "end 0 1024/1024", "begin 1024", "end 1024 1024/1024");
  }

  /** The request may be complete and used again once its last bio owns it. */
  @Test
  void theMappingOfAnAsynchronousRequestIsEndedWhileTheRequestExists() {
    rig.disk.holdAgain();
    assertThat(direct(false, 0, BLOCK)).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(calls).containsExactly("begin 0", "end 0 1024/1024");
    rig.disk.letThrough();
    assertThat(rig.completed).containsExactly((long) BLOCK);
  }

  @Test
  void anActorThatFailsEndsWithNothingUsed() {
    assertThat(direct(true, 0, 100)).as("not aligned").isEqualTo(-Errno.EINVAL);
    assertThat(calls).containsExactly("begin 0", "end 0 0/100");
  }

  @Test
  void aMappingThatFailsIsNotEnded() {
    file.failWith(Errno.ENOSPC);
    assertThat(direct(true, 0, BLOCK)).isEqualTo(-Errno.ENOSPC);
    assertThat(calls).containsExactly("begin 0");
  }

  @Test
  void anEndThatThrowsIsEioAndNamed() {
    List<String> said = new ArrayList<>();
    Oops.setSink((sentence, thrown) -> said.add(sentence));
    ops.breaks = true;
    assertThat(direct(true, 0, BLOCK)).isEqualTo(-Errno.EIO);
    assertThat(said).singleElement().asString().contains("broken").contains("EIO");
    assertThat(file.dioCount()).isZero();
  }

  @Test
  void aBufferedWriteEndsWithTheBytesThatWereCopied() {
    Kiocb iocb = rig.sync(file, 10, Kiocb.IOCB_WRITE);
    assertThat(
            IomapBuffered.write(rig.current, file, iocb, rig.iter(false, rig.memory, BLOCK), ops))
        .isEqualTo(BLOCK);
    assertThat(calls)
        .containsExactly("begin 10", "end 10 1014/1014", "begin 1024", "end 1024 10/10");
    calls.clear();
    long hole = rig.memory + IomapRig.MEMORY_BYTES - BLOCK;
    iocb = rig.sync(file, 0, Kiocb.IOCB_WRITE);
    assertThat(IomapBuffered.write(rig.current, file, iocb, rig.iter(false, hole, 2 * BLOCK), ops))
        .as("user memory ends")
        .isEqualTo(BLOCK);
    assertThat(calls)
        .containsExactly("begin 0", "end 0 1024/1024", "begin 1024", "end 1024 0/1024");
  }

  @Test
  void theErrorOfTheEndCountsOnlyIfNothingWasUsed() {
    ops.result = -Errno.EIO;
    assertThat(direct(true, 0, BLOCK)).isEqualTo(BLOCK);
  }
}
