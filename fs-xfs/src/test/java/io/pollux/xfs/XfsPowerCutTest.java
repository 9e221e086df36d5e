// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.Errno;
import io.pollux.uapi.StatMode;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Power cuts. Random changes run on a disk that remembers what reached it. At each cut, the writes
 * before the last flush are there, and of the later ones some, one of them perhaps in part. This
 * project recovers one copy, and Linux another. Then xfs_repair finds nothing, and the copy has
 * what {@link CutModel} allows.
 *
 * <p>{@code -Dpollux.seed} repeats a run, {@code -Dpollux.cuts} makes it longer, and {@code
 * -Dpollux.cut} names the one event of it to cut at.
 */
@Timeout(value = 20, unit = TimeUnit.MINUTES)
final class XfsPowerCutTest {
  private static final int SECTOR = CutDisk.SECTOR;
  private static final long BYTES = 160L << 20;
  private static final int OPERATIONS = Integer.getInteger("pollux.cuts.operations", 200);

  /** Small logs, which wrap, with what changes the layout of logs and blocks. */
  static final List<String> GEOMETRIES =
      List.of(
          "-m rmapbt=1,reflink=1 -l size=13m",
          "-b size=1024 -m reflink=1 -l size=6m",
          "-s size=4096 -m reflink=1 -l size=13m,su=32k",
          "-m reflink=0,finobt=0 -i size=1024,sparse=0 -l size=4m",
          "-b size=1024 -m rmapbt=1,reflink=1 -i nrext64=1 -l size=6m",
          "-n size=8192 -m rmapbt=1 -l size=13m,su=4k");

  private final long seed = Long.getLong("pollux.seed", System.nanoTime());
  private final int only = Integer.getInteger("pollux.cut", -1);

  /** Linux also recovers one of so many cuts. */
  private final int linux = Integer.getInteger("pollux.cuts.linux", 12);

  /** xfs_repair checks one of so many recoveries of this project. */
  private final int repair = Integer.getInteger("pollux.cuts.repair", 3);

  private Path directory = Path.of("");
  private int recoveries;
  private int linuxRecoveries;

  @ParameterizedTest(name = "mkfs.xfs {0}")
  @ValueSource(
      strings = {
        "-m rmapbt=1,reflink=1 -l size=13m",
        "-b size=1024 -m reflink=1 -l size=6m",
        "-s size=4096 -m reflink=1 -l size=13m,su=32k",
        "-m reflink=0,finobt=0 -i size=1024,sparse=0 -l size=4m"
      })
  void whatWasPromisedIsThereAfterACut(String options, @TempDir Path made) throws Exception {
    run(made, options, OPERATIONS, Integer.getInteger("pollux.cuts", 60) / 4);
  }

  @Test
  void everyCutOfASmallRun(@TempDir Path made) throws Exception {
    run(made, "-m rmapbt=1,reflink=1 -l size=13m", 12, Integer.MAX_VALUE);
  }

  /** Runs a number of operations, and cuts. Returns numbers for a report. */
  String run(Path made, String options, int operations, int cuts) throws Exception {
    System.out.println("XfsPowerCutTest: " + options + " -Dpollux.seed=" + seed);
    directory = made;
    Path image = mkfs(made, options);
    Random random = new Random(seed);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment contents = map(image, FileChannel.MapMode.PRIVATE, arena);
      CutDisk disk = new CutDisk(contents, random.nextBoolean());
      int sector = options.contains("-s size=4096") ? 4096 : 512;
      List<CutWork.Op> ops = work(disk, sector, options, operations, random);
      List<CutDisk.Event> events = disk.events();
      MemorySegment before = map(image, FileChannel.MapMode.PRIVATE, arena);
      cuts(before, events, ops, sector, picked(events.size(), cuts, random));
      long megabytes = events.stream().mapToLong(event -> event.length()).sum() >> 20;
      return String.format(
          "%d operations, %d events (%d MiB), %d recoveries, %d by Linux",
          ops.size(), events.size(), megabytes, recoveries, linuxRecoveries);
    }
  }

  /** Has mkfs.xfs make a small filesystem, which it only does for its own tests. */
  private static Path mkfs(Path directory, String options)
      throws IOException, InterruptedException {
    String mkfs = MkfsImage.requireMkfs();
    Path image = directory.resolve("image");
    try (RandomAccessFile sparse = new RandomAccessFile(image.toFile(), "rw")) {
      sparse.setLength(BYTES);
    }
    List<String> command = new ArrayList<>(List.of(mkfs, "-q"));
    command.addAll(List.of(options.split(" ", -1)));
    command.add(image.toString());
    ProcessBuilder process = new ProcessBuilder(command).redirectErrorStream(true);
    process.environment().putAll(Map.of("TEST_DIR", "x", "TEST_DEV", "x", "QA_CHECK_FS", "x"));
    Process made = process.start();
    String said = new String(made.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(made.waitFor()).as(said).isZero();
    return image;
  }

  private static MemorySegment map(Path image, FileChannel.MapMode mode, Arena arena)
      throws IOException {
    try (FileChannel file =
        FileChannel.open(image, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      return file.map(mode, 0, file.size(), arena);
    }
  }

  private List<CutWork.Op> work(
      CutDisk disk, int sector, String options, int operations, Random random) throws Exception {
    try (MountedTree tree = new MountedTree(disk.disk(sector), "")) {
      CutWork work = new CutWork(tree, disk, !options.contains("reflink=0"), random);
      try {
        for (int i = 0; i < operations; i++) {
          work.step();
        }
      } catch (Throwable e) {
        throw new AssertionError("seed " + seed, e);
      }
      work.end();
      return work.ops();
    }
  }

  private List<Integer> picked(int events, int cuts, Random random) {
    if (only >= 0) {
      return List.of(only);
    }
    if (cuts >= events) {
      return IntStream.rangeClosed(0, events).boxed().toList();
    }
    return random.ints(cuts, 0, events + 1).sorted().boxed().toList();
  }

  private void cuts(
      MemorySegment before,
      List<CutDisk.Event> events,
      List<CutWork.Op> ops,
      int sector,
      List<Integer> cuts)
      throws Exception {
    CutDisk.Cuts images = new CutDisk.Cuts(before, events);
    CutDisk.Tearing tearing = tearing(before);
    CutModel model = new CutModel();
    int next = 0;
    for (int cut : cuts) {
      while (next < ops.size()
          && (ops.get(next).promise()
              ? ops.get(next).end() <= cut
              : ops.get(next).start() <= cut)) {
        ops.get(next++).change().to(model);
      }
      Random random = new Random(seed ^ (long) cut << 20);
      CutDisk.Cuts.Image image = images.at(cut, random, tearing);
      String where = "seed " + seed + ", cut " + cut + " of " + events.size();
      where += ", operation " + next;
      boolean both = random.nextInt(linux) == 0 || only >= 0;
      try {
        recovered(image, model, before.byteSize(), sector, random, tearing);
        if (both) {
          recoveredByLinux(image, model, before.byteSize());
        }
      } catch (Exception | AssertionError e) {
        StringBuilder said = new StringBuilder(where);
        for (int i = Math.max(0, next - 25); i < Math.min(ops.size(), next + 1); i++) {
          CutWork.Op op = ops.get(i);
          said.append("\n  " + i + " [" + op.start() + "," + op.end() + "] " + op.what());
        }
        for (int i = Math.max(0, cut - 25); i < Math.min(events.size(), cut + 2); i++) {
          said.append("\n  event " + i + ": " + events.get(i).line());
        }
        throw new AssertionError(said + "\n" + e.getMessage(), e);
      }
    }
  }

  /** The log and data may be torn. Linux expects that other blocks are not. */
  private static CutDisk.Tearing tearing(MemorySegment disk) {
    ByteBuffer bytes = disk.asSlice(0, 512).asByteBuffer();
    int block = bytes.getInt(4);
    long fsb = bytes.getLong(48);
    int agLog = bytes.get(124);
    long start = ((fsb >> agLog) * bytes.getInt(84) + (fsb & (1L << agLog) - 1)) * block;
    long end = start + (long) bytes.getInt(96) * block;
    return write -> {
      boolean inLog = write.at() >= start && write.at() < end;
      boolean isData =
          write.word(0) == write.word(1) && write.word(0) == write.word(SECTOR / 8 - 1);
      return inLog || isData;
    };
  }

  private Path copy(CutDisk.Cuts.Image image, long bytes) throws IOException {
    Path copy = directory.resolve("cut");
    Files.deleteIfExists(copy);
    try (RandomAccessFile file = new RandomAccessFile(copy.toFile(), "rw")) {
      file.setLength(bytes);
    }
    try (Arena arena = Arena.ofConfined()) {
      image.copyTo(map(copy, FileChannel.MapMode.READ_WRITE, arena));
    }
    return copy;
  }

  /** This project recovers, and sometimes the power is cut in the recovery, too. */
  private void recovered(
      CutDisk.Cuts.Image image,
      CutModel model,
      long bytes,
      int sector,
      Random random,
      CutDisk.Tearing tearing)
      throws Exception {
    Path copy = copy(image, bytes);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment contents = map(copy, FileChannel.MapMode.READ_WRITE, arena);
      boolean again = random.nextInt(4) == 0;
      if (again) {
        MemorySegment first = map(copy, FileChannel.MapMode.PRIVATE, arena);
        MemorySegment before = map(copy, FileChannel.MapMode.PRIVATE, arena);
        CutDisk disk = new CutDisk(first, random.nextBoolean());
        check(disk, sector, model);
        List<CutDisk.Event> events = disk.events();
        int cut = random.nextInt(events.size() + 1);
        new CutDisk.Cuts(before, events).at(cut, random, tearing).copyTo(contents);
      }
      check(new CutDisk(contents, random.nextBoolean()), sector, model);
    }
    if (random.nextInt(repair) == 0 || only >= 0) {
      LinuxXfs.assertSound(copy);
    }
  }

  private void check(CutDisk disk, int sector, CutModel model) throws Exception {
    recoveries++;
    try (MountedTree tree = new MountedTree(disk.disk(sector), "")) {
      model.check(new Ours(tree));
    }
  }

  private void recoveredByLinux(CutDisk.Cuts.Image image, CutModel model, long bytes)
      throws Exception {
    Path copy = copy(image, bytes);
    linuxRecoveries++;
    LinuxXfs.recover(
        copy,
        root -> {
          try {
            model.check(new Theirs(root));
          } catch (IOException e) {
            throw e;
          } catch (Exception e) {
            throw new AssertionError("Linux: " + e.getMessage(), e);
          } catch (AssertionError e) {
            throw new AssertionError("Linux: " + e.getMessage(), e);
          }
        });
    try {
      LinuxXfs.assertSound(copy);
    } catch (AssertionError e) {
      throw new AssertionError("after Linux: " + e.getMessage(), e);
    }
  }

  /** The numbers of the sectors of a file. */
  private static long[] numbers(byte[] bytes) {
    ByteBuffer data = ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder());
    assertThat(bytes.length % SECTOR).as("bytes behind the last sector").isZero();
    long[] numbers = new long[bytes.length / SECTOR];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = data.getLong(i * SECTOR);
      for (int at = 0; at < SECTOR; at += 8) {
        if (data.getLong(i * SECTOR + at) != numbers[i]) {
          throw new AssertionError("sector " + i + " of a file has the data of two");
        }
      }
    }
    return numbers;
  }

  private record Ours(MountedTree tree) implements CutModel.Found {
    @Override
    public Map<String, Long> names() throws ErrnoException {
      Map<String, Long> names = new TreeMap<>();
      walk("", names);
      return names;
    }

    private void walk(String path, Map<String, Long> names) throws ErrnoException {
      for (MountedTree.Entry entry : tree.list(path.isEmpty() ? "/" : path, 1000)) {
        if (!entry.name().equals(".") && !entry.name().equals("..")) {
          String child = path + "/" + entry.name();
          Inode inode = tree.find(child).inode();
          assertThat(inode.ino()).isEqualTo(entry.ino());
          names.put(child, entry.ino());
          if (inode.isType(StatMode.S_IFDIR)) {
            walk(child, names);
          }
        }
      }
    }

    @Override
    public long[] sectors(String path) throws ErrnoException {
      return numbers(tree.contents(path));
    }

    @Override
    public int attribute(String path) throws ErrnoException {
      try {
        return ByteBuffer.wrap(tree.find(path).inode().getxattr(tree.current, CutWork.ATTRIBUTE))
            .getInt();
      } catch (ErrnoException e) {
        if (e.errno() != Errno.ENODATA) {
          throw e;
        }
        return 0;
      }
    }
  }

  private record Theirs(Path root) implements CutModel.Found {
    @Override
    public Map<String, Long> names() throws IOException {
      Map<String, Long> names = new TreeMap<>();
      try (Stream<Path> paths = Files.walk(root)) {
        for (Path path : (Iterable<Path>) paths::iterator) {
          if (!path.equals(root)) {
            names.put("/" + root.relativize(path), (Long) Files.getAttribute(path, "unix:ino"));
          }
        }
      }
      return names;
    }

    @Override
    public long[] sectors(String path) throws IOException {
      return numbers(Files.readAllBytes(root.resolve(path.substring(1))));
    }

    @Override
    public int attribute(String path) throws IOException {
      UserDefinedFileAttributeView view =
          Files.getFileAttributeView(
              root.resolve(path.substring(1)), UserDefinedFileAttributeView.class);
      try {
        ByteBuffer value = ByteBuffer.allocate(view.size("number"));
        view.read("number", value);
        return value.getInt(0);
      } catch (FileSystemException e) {
        return 0;
      }
    }
  }
}
