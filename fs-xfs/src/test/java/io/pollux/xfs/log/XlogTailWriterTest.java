// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.buffer.BufCache;
import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.mkfs.HostTool;
import io.pollux.xfs.mkfs.MadeImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Unmount records at any place of the ring, as the search here and xfs_repair find them. */
final class XlogTailWriterTest {
  /** What a test does with the log of an image. */
  private interface Work {
    void run(Task current, XlogDevice device) throws ErrnoException;
  }

  private static void with(Path image, Work work) throws IOException, ErrnoException {
    try (MadeImage made = new MadeImage(image, 512)) {
      BufCache cache = new BufCache(made.disk(), 0, XfsError.EFSCORRUPTED);
      BufData disk = cache.readUncached(made.current(), 0, 512, "superblock");
      XfsSb sb = new XfsSb(disk, made.disk().bytes());
      work.run(made.current(), new XlogDevice(cache, sb));
      cache.drop();
    }
  }

  private static Path mkfs(Path directory, String unit) throws Exception {
    Path image = MadeImage.sparse(directory.resolve("image"), 320L << 20);
    HostTool.run("mkfs.xfs", "-q", "-l", "size=20m,su=" + unit, image.toString());
    return image;
  }

  /** Fills the ring as if cycle 7 had come up to the head, with one record in front of it. */
  private static void fill(Task current, XlogDevice device, int head) throws ErrnoException {
    byte[] ring = new byte[device.size() << 9];
    ByteBuffer words = ByteBuffer.wrap(ring);
    for (int i = 0; i < device.size(); i++) {
      words.putInt(i << 9, i < head ? 7 : 6);
    }
    device.write(current, 0, ring, 0);
  }

  /** Blocks before the end are in units of the log. */
  @ParameterizedTest
  @CsvSource({"4k,8", "4k,800", "4k,40952", "32k,64", "256k,512", "256k,40448", "4k,0"})
  void theSearchFindsIt(String unit, int at, @TempDir Path directory) throws Exception {
    Path image = mkfs(directory, unit);
    with(
        image,
        (current, device) -> {
          fill(current, device, at);
          XlogHead head =
              new XlogHead(at, 7, -1, at, XlogFormat.lsn(7, at), XlogFormat.lsn(6, 0), false);
          new XlogTailWriter(current, device).clearStale(head, at);
          new XlogWriter(new Xlog(device, head, false), current, 0, 1).unmount();
          XlogHead found = XlogFind.find(current, device);
          int bbs = device.unit() >> 9;
          assertThat(found.clean()).isTrue();
          assertThat(found.block()).isEqualTo(device.wrap((long) at + bbs));
          assertThat(found.cycle()).isEqualTo(at + bbs == device.size() ? 8 : 7);
          assertThat(found.lastLsn()).isEqualTo(XlogFormat.lsn(7, at));
        });
    HostTool.repairFindsNothing(image);
  }

  /** Without a unit, a record may go over the end of the ring. */
  @Test
  void itGoesOverTheEnd(@TempDir Path directory) throws Exception {
    Path image = MadeImage.sparse(directory.resolve("image"), 320L << 20);
    HostTool.run("mkfs.xfs", "-q", "-l", "size=16m", image.toString());
    with(
        image,
        (current, device) -> {
          int at = device.size() - 1;
          fill(current, device, at);
          XlogHead head =
              new XlogHead(at, 7, -1, at, XlogFormat.lsn(7, at), XlogFormat.lsn(6, 0), false);
          new XlogWriter(new Xlog(device, head, false), current, 0, 1).unmount();
          XlogHead found = XlogFind.find(current, device);
          assertThat(found.clean()).isTrue();
          assertThat(found.block()).isEqualTo(1);
          assertThat(found.cycle()).isEqualTo(8);
        });
    HostTool.repairFindsNothing(image);
  }
}
