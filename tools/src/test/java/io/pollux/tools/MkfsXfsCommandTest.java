// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** mkfs.xfs by the options of the field, and what is in the result. */
final class MkfsXfsCommandTest {
  @TempDir private Path directory = Path.of("");

  @Test
  void takesTheOptionsOfTheField() throws IOException {
    String image = directory.resolve("image").toString();
    Cli made =
        Cli.run(
            "mkfs.xfs",
            "--size",
            "64M",
            "-L",
            "hello",
            "-b",
            "size=2048",
            "-i",
            "size=1024,sparse=0",
            "-d",
            "agcount=3",
            "-n",
            "size=8k",
            "-m",
            "crc=1,rmapbt=0,finobt=0",
            "-K",
            "-q",
            image);
    assertThat(made.err()).isEmpty();
    assertThat(made.status()).isZero();
    ByteBuffer sb = ByteBuffer.allocate(512);
    try (FileChannel file = FileChannel.open(Path.of(image))) {
      assertThat(file.size()).isEqualTo(64 << 20);
      file.read(sb);
    }
    assertThat(sb.getInt(4)).isEqualTo(2048);
    assertThat(sb.getInt(88)).isEqualTo(3); // groups
    assertThat(sb.getShort(104)).isEqualTo((short) 1024); // inodes
    assertThat(new String(sb.array(), 108, 6, StandardCharsets.US_ASCII)).isEqualTo("hello\0");
    assertThat(sb.get(192)).isEqualTo((byte) 2); // directory blocks
    assertThat(sb.getInt(212)).isEqualTo(4); // only reflink
    assertThat(Cli.run("ls", "--image", image, "--read-only").status()).isZero();
    assertThat(Cli.run("mkfs.xfs", image).err())
        .isEqualTo("pollux: " + image + ": contains a filesystem of type xfs (--force)\n");
    assertThat(Cli.run("mkfs.xfs", "-f", image).err()).isEmpty();
    assertThat(Cli.run("check", "--image", image).out()).isEmpty();
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      value = {
        "-b size=3000 | option bsize: 3000 is not a power of 2",
        "-b finobt=0 | pollux: -b finobt=0: there is only size",
        "-m crc=0 | option crc: only version 5 of the format, which has checksums, can be made",
        "-L a,b | pollux: --label: has no commas",
        "-i maxpct | option maxpct: its value is missing",
        "--size 8M | 8388608 bytes are too few: an XFS filesystem has at least 16777216"
      })
  void refusesInOneLineAndLeavesNoFile(String options, String why) {
    Path image = directory.resolve("image");
    String all = (options.contains("--size") ? "" : "--size 64M ") + options + " " + image;
    Cli refused = Cli.run(("mkfs.xfs " + all).split(" ", -1));
    assertThat(refused.status()).isEqualTo(2);
    assertThat(refused.err()).contains(why).hasLineCount(1);
    assertThat(Files.exists(image)).isFalse();
  }

  @Test
  void needsAFile() {
    assertThat(Cli.run("mkfs.xfs").err()).isEqualTo("pollux: mkfs.xfs: no FILE is given\n");
  }
}
