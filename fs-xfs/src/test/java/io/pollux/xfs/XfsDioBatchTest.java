// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import io.pollux.xfs.ag.XfsOwner;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.trans.XfsTrans;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Direct writes into holes that complete together. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
final class XfsDioBatchTest {
  private static final int BLOCK = 4096;
  private static final int WRITES = 16;
  private static final String OPTIONS = "-m rmapbt=1,reflink=1";

  /** Results by position. */
  private final Map<Long, Long> results = new ConcurrentHashMap<>();

  /** A file of holes before its last block. */
  private static File sparse(WritableTree tree, String path) throws ErrnoException {
    File file = tree.open(path, Fcntl.O_CREAT);
    assertThat(tree.write(file, 4L * WRITES * BLOCK, BLOCK, 1)).isEqualTo(BLOCK);
    assertThat(file.fsync(tree.tree.current, false)).isZero();
    return file;
  }

  private Kiocb submit(WritableTree tree, File file, long pos, int flags) {
    var mm = tree.tree.current.mm();
    long memory = mm.mmap(BLOCK, Mman.PROT_READ | Mman.PROT_WRITE);
    RawMemory.segment(memory, BLOCK).fill((byte) (pos / BLOCK + 7));
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(mm, false, memory, BLOCK)).isZero();
    Kiocb iocb = new Kiocb();
    iocb.init(file, null);
    iocb.kiFlags |= Kiocb.IOCB_WRITE | Kiocb.IOCB_DIRECT | flags;
    iocb.kiPos = pos;
    iocb.kiComplete = (done, result, result2) -> results.put(pos, result);
    assertThat(file.op().writeIter(tree.tree.current, iocb, iter)).isEqualTo(-Kiocb.EIOCBQUEUED);
    return iocb;
  }

  private void awaitResults(int count) throws InterruptedException {
    for (int i = 0; i < 30_000 && results.size() < count; i++) {
      Thread.sleep(1);
    }
    assertThat(results).hasSize(count);
  }

  /** Every second block, so that no two extents merge. */
  private static long pos(int write) {
    return 2L * write * BLOCK;
  }

  private static void assertWritten(File file) {
    XfsExtentMap extents = ((XfsInode) file.inode()).extentsIfRead();
    assertThat(extents).isNotNull();
    for (int i = 0; i < WRITES; i++) {
      int at = extents.find(2L * i);
      assertThat(extents.get(at).clip(2L * i, 2L * i + 1))
          .extracting(XfsExtentMap.Rec::startOff, XfsExtentMap.Rec::unwritten)
          .containsExactly(2L * i, false);
    }
  }

  /** The writes of a test. */
  @FunctionalInterface
  private interface Writes {
    void run(WritableTree tree, File file) throws Exception;
  }

  /** Checks writes at every second block, and then the image. */
  private static void writeSparse(Path directory, Writes writes) throws Exception {
    Path image = MkfsImage.make(directory, OPTIONS, new byte[100]);
    try (WritableTree tree = new WritableTree(image)) {
      File file = sparse(tree, "/new");
      writes.run(tree, file);
      assertWritten(file);
      file.fput(tree.tree.current);
    }
    LinuxXfs.assertSound(image);
  }

  /** While another transaction runs, one batch waits for it, and all other writes for the batch. */
  @Test
  void writesThatCompleteTogetherAreConvertedByTwoTransactions(@TempDir Path directory)
      throws Exception {
    writeSparse(
        directory,
        (tree, file) -> {
          tree.disk.holdAgain();
          for (int i = 0; i < WRITES; i++) {
            submit(tree, file, pos(i), 0);
          }
          long before = tree.mp.trans().commits();
          try (XfsTrans tp = tree.mp.trans().begin(tree.tree.current, 0)) {
            assertThat(tp.current()).isSameAs(tree.tree.current);
            tree.disk.letThrough();
            assertThat(results).as("converted before their transaction").isEmpty();
          }
          awaitResults(WRITES);
          assertThat(results.values()).containsOnly((long) BLOCK);
          assertThat(tree.mp.trans().commits() - before).isBetween(1L, 2L);
        });
  }

  @Test
  void aPollerConvertsWhatItFindsInOneTransaction(@TempDir Path directory) throws Exception {
    writeSparse(
        directory,
        (tree, file) -> {
          List<Kiocb> iocbs = new ArrayList<>();
          for (int i = 0; i < WRITES; i++) {
            iocbs.add(submit(tree, file, pos(i), Kiocb.IOCB_HIPRI));
          }
          assertThat(results).isEmpty();
          long before = tree.mp.trans().commits();
          assertThat(file.op().iopoll(tree.tree.current, iocbs.getFirst(), true)).isEqualTo(WRITES);
          assertThat(results).hasSize(WRITES);
          assertThat(results.values()).containsOnly((long) BLOCK);
          assertThat(tree.mp.trans().commits() - before).isEqualTo(1);
        });
  }

  /** A write over more unwritten extents than one transaction converts. */
  @Test
  void aLongWriteIsConvertedByTransactionsOfABoundedSize(@TempDir Path directory) throws Exception {
    int extents = 5 * XfsBmapi.MOST / 2;
    int bytes = 2 * extents * BLOCK;
    Path image = MkfsImage.make(directory, OPTIONS, new byte[100]);
    try (WritableTree tree = new WritableTree(image)) {
      File file = tree.open("/new", Fcntl.O_CREAT | Fcntl.O_DIRECT);
      assertThat(file.op().fallocate(tree.tree.current, file, 0, 0, bytes)).isZero();
      for (int i = 0; i < extents; i++) {
        assertThat(tree.write(file, pos(i), BLOCK, 1)).isEqualTo(BLOCK);
      }
      long before = tree.mp.trans().commits();
      assertThat(tree.write(file, 0, bytes, 3)).isEqualTo(bytes);
      assertThat(tree.mp.trans().commits() - before).isBetween(3L, 5L);
      XfsExtentMap after = ((XfsInode) file.inode()).extents(tree.tree.current);
      assertThat(after.count()).isEqualTo(1);
      assertThat(after.unwritten(0)).isFalse();
      file.fput(tree.tree.current);
    }
    LinuxXfs.assertSound(image);
  }

  /** The second of three writes fails, because the tree of owners lacks its block. */
  @Test
  void damageFailsTheWriteThatMeetsIt(@TempDir Path directory) throws Exception {
    Path image = MkfsImage.make(directory, OPTIONS, new byte[100]);
    try (WritableTree tree = new WritableTree(image)) {
      File file = sparse(tree, "/new");
      List<Kiocb> iocbs = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        iocbs.add(submit(tree, file, pos(i), Kiocb.IOCB_HIPRI));
      }
      XfsInode ip = (XfsInode) file.inode();
      XfsExtentMap extents = ip.extents(tree.tree.current);
      long fsb = extents.get(extents.find(2)).startBlock();
      tree.commit(
          tp -> tree.mp.alloc().rmap().unmap(tp, fsb, 1, XfsOwner.of(ip.ino(), 2, false, true)));
      assertThat(file.op().iopoll(tree.tree.current, iocbs.getFirst(), true)).isEqualTo(3);
      assertThat(results)
          .containsEntry(pos(0), (long) BLOCK)
          .containsEntry(pos(1), (long) -XfsError.EFSCORRUPTED)
          .containsEntry(pos(2), (long) -Errno.EIO); // the filesystem changes no more
      XfsExtentMap after = ip.extents(tree.tree.current);
      assertThat(after.unwritten(after.find(0))).isFalse();
      assertThat(after.unwritten(after.find(2))).isTrue();
      assertThat(after.unwritten(after.find(4))).isTrue();
      file.fput(tree.tree.current);
    }
  }
}
