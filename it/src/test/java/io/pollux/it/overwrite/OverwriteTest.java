// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.overwrite;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.it.overwrite.JudgedImage.Seen;
import io.pollux.it.overwrite.Writer.Contents;
import io.pollux.syscalls.Program;
import io.pollux.testkit.TestDisk;
import io.pollux.testkit.TestKernel;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import io.pollux.userland.FileStatus;
import io.pollux.userland.PathName;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserFiles;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Threads write to the files of an image, in place, in every way there is. Then the image is
 * unmounted, xfs_repair or fsck.gfs2 finds nothing, and Linux reads what was written.
 * -Dpollux.seed=N draws the same again.
 */
@Timeout(300)
class OverwriteTest {
  private static final int THREADS = 3;
  private static final int TURNS = 1500;
  private static final int GFS2_BLOCK = 4096;
  private static final int GFS2_MAGIC = 0x01161970;
  private static final int GFS2_DINODE = 4;
  private static final int GFS2_DINODE_BYTES = 232;
  private static final String READ_WRITE = "rw";

  private final Path directory;
  private final long seed = Long.getLong("pollux.seed", new SplittableRandom().nextLong() >>> 1);

  OverwriteTest(@TempDir Path directory) {
    this.directory = directory;
    System.out.println("OverwriteTest: -Dpollux.seed=" + seed);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "-b size=1024",
        "-s size=4096",
        "-m rmapbt=1 -i nrext64=1",
        "-m finobt=0,reflink=0,bigtime=0,inobtcount=0 -i sparse=0",
        "-i size=2048"
      })
  void whatWasWrittenIsWhatLinuxReads(String options) throws Exception {
    LinuxImage.need();
    LinuxImage image = LinuxImage.make(directory, options, new Random(seed));
    List<String> names = new ArrayList<>(LinuxImage.WHOLE);
    names.addAll(LinuxImage.PARTLY);
    overwrite(image, names, LinuxImage.WHOLE);
  }

  @Test
  void theSample() throws Exception {
    LinuxImage.need();
    LinuxImage image = LinuxImage.sample(directory);
    List<String> whole = List.of("/main.dat", "/size-511", "/size-4097");
    List<String> names = new ArrayList<>(List.of("/holes.dat", "/unwritten.dat", "/onlyhole.dat"));
    names.addAll(whole);
    overwrite(image, names, whole);
  }

  @Test
  void theGfs2Sample() throws Exception {
    Gfs2Image.needLinux();
    Gfs2Image image = Gfs2Image.sample(directory);
    List<String> names = new ArrayList<>(Gfs2Image.WHOLE);
    names.addAll(Gfs2Image.PARTLY);
    byte[] before = Files.readAllBytes(image.file());
    byte[] after = overwrite(image, names, Gfs2Image.WHOLE);
    int changed = 0;
    for (int block = 0; block < before.length; block += GFS2_BLOCK) {
      ByteBuffer old = ByteBuffer.wrap(before, block, GFS2_BLOCK).slice();
      if (old.getInt(0) == GFS2_MAGIC && !old.equals(ByteBuffer.wrap(after, block, GFS2_BLOCK))) {
        assertThat(old.getInt(4))
            .as("the type of block %d, which changed", block / GFS2_BLOCK)
            .isEqualTo(GFS2_DINODE);
        ByteBuffer fresh = ByteBuffer.wrap(after.clone(), block, GFS2_BLOCK).slice();
        for (int field : new int[] {80, 88}) { // mtime, ctime, and their nanoseconds
          fresh
              .putLong(field, old.getLong(field))
              .putInt(140 + field / 2, old.getInt(140 + field / 2));
        }
        int end = old.getShort(138) == 0 ? GFS2_DINODE_BYTES : GFS2_BLOCK; // data may be behind it
        assertThat(fresh.slice(0, end))
            .as("block %d", block / GFS2_BLOCK)
            .isEqualTo(old.slice(0, end));
        changed++;
      }
    }
    assertThat(changed).isBetween(1, names.size());
  }

  /** Answers the image as it was after the unmount. */
  private byte[] overwrite(JudgedImage image, List<String> names, List<String> whole)
      throws Exception {
    Map<String, byte[]> found = image.contents(names);
    List<Contents> contents = new ArrayList<>();
    names.forEach(
        name ->
            contents.add(
                new Contents(name, Objects.requireNonNull(found.get(name)), whole.contains(name))));
    boolean nowait = image instanceof LinuxImage; // GFS2 does not know of it
    Map<String, Instant> times = new HashMap<>();
    try (TestKernel kernel = TestKernel.boot()) {
      kernel.addDisk("image0", TestDisk.image(image.file(), false));
      kernel.mount("mnt", "image0", READ_WRITE);
      if (image instanceof LinuxImage) {
        extend(kernel, contents);
      }
      runThreads(kernel, contents, nowait);
      try (UserFiles files = new UserFiles(kernel.newProgram())) {
        for (String name : names) {
          FileStatus status = files.stat(PathName.of("/mnt" + name));
          times.put(name, Instant.ofEpochSecond(status.mtime().seconds(), status.mtime().nanos()));
        }
      }
    }
    byte[] after = image instanceof Gfs2Image ? Files.readAllBytes(image.file()) : new byte[0];
    image.assertSound();
    Map<String, Seen> linux = image.seenByLinux(names);
    for (Contents file : contents) {
      Seen expected = new Seen(sum(file.bytes()), Objects.requireNonNull(times.get(file.name())));
      assertThat(linux.get(file.name())).as("%s, seed %d", file.name(), seed).isEqualTo(expected);
    }
    image.assertSound();
    return after;
  }

  /**
   * Gives each file whole stripes. XFS allocates, so a write behind the end would extend the file,
   * in an order that the model does not know.
   */
  private static void extend(TestKernel kernel, List<Contents> contents) {
    try (Program program = kernel.newProgram();
        UserFiles files = new UserFiles(program)) {
      for (int i = 0; i < contents.size(); i++) {
        Contents file = contents.get(i);
        int stripes = Math.max(1, (file.bytes().length + Writer.STRIPE - 1) / Writer.STRIPE);
        byte[] bytes = Arrays.copyOf(file.bytes(), stripes * Writer.STRIPE);
        int fd = files.open(PathName.of("/mnt" + file.name()), Fcntl.O_RDWR);
        assertThat(program.syscall(Nr.FTRUNCATE, fd, bytes.length)).isZero();
        files.close(fd);
        contents.set(i, new Contents(file.name(), bytes, true));
      }
    }
  }

  private static String sum(byte[] bytes) throws NoSuchAlgorithmException {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  private void runThreads(TestKernel kernel, List<Contents> contents, boolean nowait)
      throws InterruptedException, ExecutionException, TimeoutException {
    List<CompletableFuture<String>> ended = new ArrayList<>();
    for (int i = 0; i < THREADS; i++) {
      int me = i;
      CompletableFuture<String> end = new CompletableFuture<>();
      ended.add(end);
      Thread thread =
          new Thread(
              () -> {
                try (Program program = kernel.newProgram();
                    Writer writer = new Writer(program, me, THREADS, seed + me, contents, nowait)) {
                  writer.run(TURNS);
                  end.complete(writer.counts());
                } catch (Throwable e) {
                  end.completeExceptionally(e);
                }
              });
      thread.setDaemon(true);
      thread.start();
    }
    for (CompletableFuture<String> end : ended) {
      System.out.println("OverwriteTest: " + end.get(200, TimeUnit.SECONDS));
    }
  }

  @Test
  void markedFilesAreLeftAlone() throws Exception {
    LinuxImage.need();
    LinuxImage image = LinuxImage.make(directory, "", new Random(seed));
    image.mounted(
        "rw",
        root -> {
          LinuxImage.run("xfs_io", "-c", "chattr +i", root.resolve("whole-1").toString());
          LinuxImage.run("xfs_io", "-c", "chattr +a", root.resolve("whole-2").toString());
        });
    try (TestKernel kernel = TestKernel.boot()) {
      kernel.addDisk("image0", TestDisk.image(image.file(), false));
      kernel.mount("mnt", "image0", READ_WRITE);
      Program program = kernel.newProgram();
      try (UserFiles files = new UserFiles(program)) {
        assertThat(open(files, "/mnt/whole-1", Fcntl.O_RDWR)).isEqualTo(-Errno.EPERM);
        assertThat(open(files, "/mnt/whole-2", Fcntl.O_RDWR)).isEqualTo(-Errno.EPERM);
      }
    }
    image.assertSound();
  }

  private static int open(UserFiles files, String name, int flags) {
    try {
      int fd = files.open(PathName.of(name), flags);
      files.close(fd);
      return fd;
    } catch (SyscallException e) {
      return -e.errno();
    }
  }

  @Test
  void aDirtyLogIsRecovered() throws Exception {
    LinuxImage.need();
    LinuxImage image = LinuxImage.make(directory, "", new Random(seed));
    image.mounted(
        "rw",
        root -> {
          LinuxImage.run(
              "xfs_io",
              "-f",
              "-c",
              "pwrite -q 0 4k",
              "-c",
              "fsync",
              root.resolve("more").toString());
          LinuxImage.run("xfs_io", "-x", "-c", "shutdown -f", root.toString());
        });
    try (TestKernel kernel = TestKernel.boot()) {
      kernel.addDisk("image0", TestDisk.image(image.file(), false));
      kernel.mount("mnt", "image0", READ_WRITE);
    }
    image.assertSound();
    byte[] expected = new byte[4096];
    Arrays.fill(expected, (byte) 0xcd); // as xfs_io writes
    assertThat(image.contents(List.of("/more"))).containsEntry("/more", expected);
  }

  /** lseek answers what Linux answers: a list of where data and holes begin, by both. */
  @ParameterizedTest
  @ValueSource(strings = {"", "-b size=1024"})
  void dataAndHolesAreWhereLinuxFindsThem(String options) throws Exception {
    LinuxImage.need();
    LinuxImage image = LinuxImage.make(directory, options, new Random(seed));
    Map<String, String> linux = new HashMap<>();
    image.mounted(
        "ro",
        root -> {
          for (String name : LinuxImage.PARTLY) {
            linux.put(
                name,
                LinuxImage.run(
                    "xfs_io", "-r", "-c", "seek -a -r 0", LinuxImage.at(root, name).toString()));
          }
        });
    try (TestKernel kernel = TestKernel.boot()) {
      kernel.addDisk("image0", TestDisk.image(image.file(), true));
      kernel.mount("mnt", "image0");
      Program program = kernel.newProgram();
      try (UserFiles files = new UserFiles(program)) {
        for (String name : LinuxImage.PARTLY) {
          int fd = files.open(PathName.of("/mnt" + name), Fcntl.O_RDONLY);
          assertThat(seekAll(program, fd)).as(name).isEqualTo(linux.get(name));
          files.close(fd);
        }
      }
    }
  }

  /** As xfs_io prints it. */
  private static String seekAll(Program program, int fd) {
    StringBuilder said = new StringBuilder("Whence\tResult\n");
    long size = program.syscall(Nr.LSEEK, fd, 0, Fcntl.SEEK_END);
    boolean data = program.syscall(Nr.LSEEK, fd, 0, Fcntl.SEEK_DATA) == 0;
    long at = 0;
    while (at < size) {
      at = program.syscall(Nr.LSEEK, fd, at, data ? Fcntl.SEEK_DATA : Fcntl.SEEK_HOLE);
      if (at < 0) {
        assertThat(at).isEqualTo(-Errno.ENXIO);
        break;
      }
      said.append(data ? "DATA\t" : "HOLE\t").append(at).append('\n');
      data = !data;
    }
    return said.toString();
  }
}
