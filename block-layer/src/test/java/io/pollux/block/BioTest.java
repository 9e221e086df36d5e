// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.bdev.BdevInode;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A bio: its memory, its pieces, its flags and its result. */
@Timeout(60)
class BioTest extends RigTest {
  private static final int PAGE = HostMemory.PAGE_SIZE;
  private final List<Integer> results = new ArrayList<>();

  private Bio bio(int opf) {
    return Bio.alloc(task, rig.device(), 8, opf, done -> results.add(done.status()), this);
  }

  @Test
  void aBioHoldsItsMemoryInOrder() {
    Bio bio = bio(BlkTypes.REQ_OP_READ);
    for (int i = 0; i < 9; i++) {
      assertThat(bio.addMemory(memory + 2L * i * PAGE, 512 * (i + 1))).isTrue();
    }
    assertThat(bio.vecs()).isEqualTo(9);
    assertThat(bio.size()).isEqualTo(45 * 512);
    for (int i = 0; i < 9; i++) {
      assertThat(bio.vecAddress(i)).isEqualTo(memory + 2L * i * PAGE);
      assertThat(bio.vecLength(i)).isEqualTo(512 * (i + 1));
    }
    assertThat(bio.owner()).isSameAs(this);
    assertThat(bio.bdev()).isSameAs(rig.device());
    bio.put();
  }

  /** A piece that is not aligned to pages counts for each page that it touches. */
  @Test
  void aBioHasAtMost256Pages() {
    Bio bio = bio(BlkTypes.REQ_OP_READ);
    for (int i = 0; i < 127; i++) {
      assertThat(bio.addMemory(memory + 512, PAGE)).isTrue();
    }
    assertThat(bio.addMemory(memory + 512, 2 * PAGE)).as("3 pages, and room for 2").isFalse();
    assertThat(bio.vecs()).isEqualTo(127);
    assertThat(bio.addMemory(memory, 2 * PAGE)).isTrue();
    assertThat(bio.addMemory(memory, 512)).isFalse();
    assertThat(bio.size()).isEqualTo(129 * PAGE);
    bio.put();
  }

  @Test
  void aPieceHasTheVecsOfItsBytesAndTheRestKeepsTheOthers() {
    Bio bio = bio(BlkTypes.REQ_OP_READ);
    bio.setIoprio(77);
    assertThat(bio.addMemory(memory, 1024)).isTrue();
    assertThat(bio.addMemory(memory + PAGE, 2048)).isTrue();
    Bio first = bio.split(task, 1024); // to the end of a vec
    assertThat(first.vecs()).isEqualTo(1);
    assertThat(first.vecAddress(0)).isEqualTo(memory);
    assertThat(first.vecLength(0)).isEqualTo(1024);
    assertThat(first.sector()).isEqualTo(8);
    assertThat(first.ioprio()).isEqualTo(77);
    assertThat(bio.vecs()).isEqualTo(1);
    assertThat(bio.vecAddress(0)).isEqualTo(memory + PAGE);
    assertThat(bio.sector()).isEqualTo(10);
    Bio second = bio.split(task, 512); // inside a vec
    assertThat(second.vecAddress(0)).isEqualTo(memory + PAGE);
    assertThat(second.sector()).isEqualTo(10);
    assertThat(bio.vecAddress(0)).isEqualTo(memory + PAGE + 512);
    assertThat(bio.vecLength(0)).isEqualTo(1536);
    assertThat(bio.sector()).isEqualTo(11);
    assertThat(bio.size()).isEqualTo(1536);
    second.endio(-Errno.EIO);
    bio.endio(-Errno.ENOSPC);
    assertThat(results).isEmpty();
    assertThatThrownBy(bio::put).isInstanceOf(AssertionError.class);
    first.endio(0);
    assertThat(results).containsExactly(-Errno.EIO);
    bio.put();
  }

  @Test
  void aPieceIsShorterThanTheWholeAndMadeOfSectors() {
    Bio bio = bio(BlkTypes.REQ_OP_READ);
    assertThat(bio.addMemory(memory, 1024)).isTrue();
    for (int bytes : new int[] {0, 100, 1024, 1536, -512}) {
      assertThatThrownBy(() -> bio.split(task, bytes))
          .as("%d", bytes)
          .isInstanceOf(AssertionError.class);
    }
    assertThatThrownBy(() -> bio.setSize(512)).isInstanceOf(AssertionError.class);
    assertThatThrownBy(bio::becomeFlush).isInstanceOf(AssertionError.class);
    bio.put();
    assertThatThrownBy(bio::bdev).isInstanceOf(AssertionError.class);
  }

  @Test
  void onlyABioThatFoundNoTagIsMarked() {
    Bio bio = bio(BlkTypes.REQ_OP_READ | BlkTypes.REQ_META);
    assertThat(bio.foundNoTag()).isFalse();
    bio.endio(-Errno.EAGAIN);
    assertThat(bio.foundNoTag()).isFalse();
    bio.wouldBlockError();
    assertThat(bio.foundNoTag()).isTrue();
    assertThat(bio.has(BlkTypes.REQ_META)).isTrue();
    assertThat(results).containsExactly(-Errno.EAGAIN, -Errno.EAGAIN);
    bio.put();
  }

  @Test
  void aBioOfAnAsynchronousPolledRequestDoesNotWaitForATag() {
    FileTable table = new FileTable();
    File file = new File(table, new BdevInode(new Ramfs(1), 2, rig.device()), null, Fcntl.O_RDWR);
    for (boolean sync : new boolean[] {true, false}) {
      Kiocb iocb = new Kiocb();
      iocb.init(file, sync ? null : (done, result, result2) -> {});
      Bio bio = bio(BlkTypes.REQ_OP_WRITE);
      bio.setPolled(iocb);
      assertThat(bio.has(BlkTypes.REQ_HIPRI)).isTrue();
      assertThat(bio.has(BlkTypes.REQ_NOWAIT)).isEqualTo(!sync);
      assertThat(bio.has(BlkTypes.REQ_HIPRI_ASYNC)).as("all its bits").isEqualTo(!sync);
      assertThat(bio.op()).isEqualTo(BlkTypes.REQ_OP_WRITE);
      bio.put();
    }
    file.fput(task);
  }
}
