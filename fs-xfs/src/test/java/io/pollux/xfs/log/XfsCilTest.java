// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.buffer.Buf;
import io.pollux.block.buffer.BufCache;
import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.xfs.format.XfsBufOps;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsLogType;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.mkfs.HostTool;
import io.pollux.xfs.mkfs.MadeImage;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Checkpoints and the numbers of commits. */
final class XfsCilTest {
  /** What a test does with an empty list. */
  private interface Work {
    void run(Task current, BufCache cache, Xlog log, XfsCil cil) throws ErrnoException;
  }

  private static void with(Path directory, Work work) throws Exception {
    Path image = MadeImage.sparse(directory.resolve("image"), 320L << 20);
    HostTool.run("mkfs.xfs", "-q", image.toString());
    try (MadeImage made = new MadeImage(image, 512)) {
      Task current = made.current();
      BufCache cache = new BufCache(made.disk(), 0, XfsError.EFSCORRUPTED);
      XfsSb sb = sb(current, cache);
      XlogDevice device = new XlogDevice(cache, sb);
      Xlog log = new Xlog(device, XlogFind.find(current, device), false);
      work.run(current, cache, log, new XfsCil(log, sb.inodeSize));
      cache.drop();
    }
  }

  private static XfsSb sb(Task current, BufCache cache) throws ErrnoException {
    return new XfsSb(cache.readUncached(current, 0, 512, "sb"), cache.bdev().bytes());
  }

  private static void commit(Task current, XfsCil cil) {
    cil.beginCommit(current);
    cil.endCommit();
  }

  /** A task may find that another one has pushed just before it does. */
  @Test
  void aPushOfNothingTakesNoCommitBack(@TempDir Path directory) throws Exception {
    with(
        directory,
        (current, cache, log, cil) -> {
          commit(current, cil);
          assertThat(cil.force(current, cil.commits())).isZero();
          cil.push(current);
          assertThat(cil.durable(cil.commits())).isTrue();
        });
  }

  /** Linux reads the type of the first item without a look whether there is one. */
  @Test
  void aCommitThatChangesNothingIsNotWritten(@TempDir Path directory) throws Exception {
    with(
        directory,
        (current, cache, log, cil) -> {
          XfsBufOps ops =
              new XfsBufOps("sb", sb(current, cache), 224, 240, XfsLogType.SB_BUF, (a, b) -> {});
          Buf buf = cache.newSpace().read(current, 0, 512, ops, () -> "sb");
          cil.beginCommit(current);
          buf.lock(current);
          BufData before = buf.data();
          buf.publish(buf.draft());
          cil.add(buf, before);
          buf.unlock();
          cil.endCommit();
          assertThat(cil.force(current, cil.commits())).isZero();
          assertThat(log.isDirty()).isFalse();
          assertThat(cil.covered()).isTrue();
          assertThat(buf.pinned()).isFalse();
          buf.release();
        });
  }
}
