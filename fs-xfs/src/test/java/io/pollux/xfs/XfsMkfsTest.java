// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.StatMode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Filesystems as mkfs.xfs makes and fills them, in several shapes. */
final class XfsMkfsTest {
  private static final int FILE_BYTES = 300_001;

  @ParameterizedTest(name = "mkfs.xfs {0}")
  @ValueSource(
      strings = {
        "",
        "-b size=1024",
        "-b size=16384",
        "-n size=65536",
        "-s size=4096",
        "-i size=2048",
        "-m rmapbt=1,reflink=1 -i nrext64=1",
        "-m finobt=0,reflink=0,bigtime=0,inobtcount=0 -i sparse=0",
        "-l su=32k"
      })
  void readsWhatMkfsWrote(String options, @TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    byte[] contents = new byte[FILE_BYTES];
    new Random(5).nextBytes(contents);
    Path image = MkfsImage.make(directory, options, contents);
    try (Arena arena = Arena.ofShared()) {
      HeldDisk disk = MkfsImage.disk(image, arena);
      try (MountedTree tree = new MountedTree(disk.disk(true), "ro")) {
        check(tree, contents);
      }
    }
  }

  private static void check(MountedTree tree, byte[] contents) throws ErrnoException {
    for (Map.Entry<String, Integer> entry : MkfsImage.DIRECTORIES.entrySet()) {
      List<MountedTree.Entry> listed = tree.list("/" + entry.getKey(), 77);
      List<String> expected =
          Stream.concat(Stream.of(".", ".."), MkfsImage.names(entry.getValue())).toList();
      assertThat(listed)
          .extracting(MountedTree.Entry::name)
          .containsExactlyInAnyOrderElementsOf(expected);
      for (MountedTree.Entry file : listed.subList(2, listed.size())) {
        assertThat(tree.find("/" + entry.getKey() + "/" + file.name()).inode().ino())
            .isEqualTo(file.ino());
        assertThat(file.type()).isEqualTo(StatMode.DT_REG);
      }
    }
    String sum = HexFormat.of().formatHex(MountedTree.sha256().digest(contents));
    assertThat(tree.sum("/file", true, 0, Long.MAX_VALUE)).isEqualTo(sum);
    assertThat(tree.sum("/file", false, 0, Long.MAX_VALUE)).isEqualTo(sum);
    assertThat(tree.sum("/link", false, 0, Long.MAX_VALUE)).isEqualTo(sum);
    assertThat(tree.find("/long").inode().readlink(tree.current))
        .asString()
        .isEqualTo(MkfsImage.LONG_TARGET);
    assertThat(tree.describe("/file", tree.find("/file").inode()))
        .startsWith("f\t0640\t7\t8\t1\t" + FILE_BYTES + "\t");
    assertThat(tree.find("/fifo").inode().isType(StatMode.S_IFIFO)).isTrue();
  }
}
