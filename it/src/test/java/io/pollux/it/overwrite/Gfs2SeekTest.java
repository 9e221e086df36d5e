// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.overwrite;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.it.Gfs2Images;
import io.pollux.syscalls.Program;
import io.pollux.testkit.TestDisk;
import io.pollux.testkit.TestKernel;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * lseek in files of GFS2 answers what Linux answers, one in an emulator: in files of every kind,
 * from everywhere.
 */
@Timeout(500)
class Gfs2SeekTest {
  private static final int LINUX_SECONDS = 300;

  /** Lines of path, whence, offset and answer: what is around each border, and what is nowhere. */
  private static final String SCRIPT =
      """
      set -e
      perl -e '
          use strict;
          use integer; # some files are longer than a double is exact
          for my $path (sort(glob("far/* sizes/* *.dat"))) {
              next unless -f $path && !-l $path;
              my $end = -s $path;
              open(my $f, "<:raw", $path) or die "$path: $!\\n";
              my $seek = sub {
                  my ($whence, $offset) = @_;
                  my $at = sysseek($f, $offset, $whence);
                  my $answer = defined $at ? $at + 0 : -($! + 0);
                  print "/$path $whence $offset $answer\\n";
                  return $answer;
              };
              my ($at, $whence, $steps) = (0, 3, 0);
              while ($at >= 0 && $at < $end && $steps++ < 60) {
                  for my $near ($at - 1, $at, $at + 1, $at + 511, $at + 4095) {
                      $seek->(3, $near);
                      $seek->(4, $near);
                  }
                  $at = $seek->($whence, $at);
                  $whence = 7 - $whence;
              }
              for my $offset (-1, $end / 2, $end / 3, $end - 4097, $end - 1, $end, $end + 1, 3 << 61) {
                  $seek->(3, $offset);
                  $seek->(4, $offset);
              }
              $seek->(2, 0);
              $seek->(2, -$end);
              $seek->(2, -$end - 1);
          }' > "$OUT/seeks"
      """;

  @Test
  void dataAndHolesAreWhereLinuxFindsThem(@TempDir Path directory) throws Exception {
    Gfs2Image.needLinux();
    Gfs2Image image = Gfs2Image.sample(directory);
    Path script = Files.writeString(directory.resolve("script"), SCRIPT);
    LinuxImage.run(
        LINUX_SECONDS + 60, // the script gives up first, and cleans up behind itself
        "bash",
        Gfs2Images.inLinux().toString(),
        "-r",
        "-t",
        String.valueOf(LINUX_SECONDS),
        image.file().toString(),
        script.toString(),
        directory.toString());
    List<String> linux = Files.readAllLines(directory.resolve("seeks"), UTF_8);
    assertThat(linux).hasSizeGreaterThan(2000);
    try (TestKernel kernel = TestKernel.boot()) {
      kernel.addDisk("image0", TestDisk.image(image.file(), true));
      kernel.mount("mnt", "image0");
      Program program = kernel.newProgram();
      try (UserFiles files = new UserFiles(program)) {
        String path = "";
        int fd = -1;
        for (String line : linux) {
          String[] word = line.split(" ", -1);
          if (!word[0].equals(path)) {
            if (fd >= 0) {
              files.close(fd);
            }
            path = word[0];
            fd = files.open(PathName.of("/mnt" + path), Fcntl.O_RDONLY);
          }
          long found =
              program.syscall(Nr.LSEEK, fd, Long.parseLong(word[2]), Integer.parseInt(word[1]));
          assertThat(found).as(line).isEqualTo(Long.parseLong(word[3]));
        }
        files.close(fd);
      }
    }
  }
}
