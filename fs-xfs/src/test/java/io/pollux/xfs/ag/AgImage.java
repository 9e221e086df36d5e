// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.block.BlockDevice;
import io.pollux.block.buffer.BufCache;
import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Errno;
import io.pollux.xfs.format.XfsDsb;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import io.pollux.xfs.log.Xlog;
import io.pollux.xfs.log.XlogDevice;
import io.pollux.xfs.log.XlogFind;
import io.pollux.xfs.trans.XfsTrans;
import io.pollux.xfs.trans.XfsTransMount;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/** An image of mkfs.xfs with transactions and an allocator, but no mounted filesystem. */
final class AgImage implements AutoCloseable {
  private static final int CACHE_BYTES = 64 << 20;

  private final Path image;
  private final UserProcess process = new UserProcess();
  private final Arena arena = Arena.ofShared();
  private final HeldDisk disk;
  private final BufCache cache;

  final Task current;
  final XfsTransMount mount;
  final XfsSb sb;
  final XfsAgs ags;
  final XfsAlloc alloc;
  final XfsRefcountTree refcounts;
  final long freeAtFirst;

  AgImage(Path directory, String... options)
      throws IOException, InterruptedException, ErrnoException {
    image = directory.resolve("image");
    List<String> command = new ArrayList<>(List.of(program("mkfs.xfs"), "--unsupported", "-qf"));
    command.addAll(List.of(options));
    command.add("-d");
    command.add("file,name=" + image);
    run(command, 0);
    try (FileChannel file =
        FileChannel.open(image, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      disk =
          new HeldDisk(file.map(FileChannel.MapMode.READ_WRITE, 0, file.size(), arena))
              .letThrough();
    }
    current = process.newTask();
    current.enterKernel();
    BlockDevice bdev = disk.disk();
    cache = new BufCache(bdev, CACHE_BYTES, Errno.EUCLEAN);
    BufData head = cache.readUncached(current, 0, XfsSb.MIN_SECTOR_BYTES, "superblock");
    BufData block = cache.readUncached(current, 0, XfsSb.sectorSize(head), "superblock");
    sb = new XfsSb(block, bdev.bytes());
    freeAtFirst = block.i64(XfsDsb.FDBLOCKS);
    mount =
        new XfsTransMount(
            sb,
            cache.newSpace(),
            freeAtFirst,
            sb.inodes(),
            sb.freeInodes(),
            why -> {
              throw new AssertionError(why);
            });
    mount.startLog(openLog());
    ags = new XfsAgs(sb);
    alloc = new XfsAlloc(ags, mount);
    alloc.reserve(current);
    refcounts = new XfsRefcountTree(alloc);
  }

  /** A program of xfsprogs. Without it the test is skipped, or fails where it is required. */
  private static String program(String name) {
    for (String directory : List.of("/usr/sbin/", "/sbin/", "/usr/bin/")) {
      if (Files.isExecutable(Path.of(directory + name))) {
        return directory + name;
      }
    }
    String missing = name + " is not installed (Debian: xfsprogs)";
    if ("1".equals(System.getenv("POLLUX_REQUIRE_ORACLES"))) {
      fail(missing);
    }
    assumeTrue(false, missing);
    return "";
  }

  /** Runs a program and returns what it says. */
  private static String run(List<String> command, int status)
      throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isEqualTo(status);
    return said;
  }

  /** Returns what xfs_db prints. */
  String db(String... commands) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(program("xfs_db"), "-r", "-f"));
    for (String one : commands) {
      command.add("-c");
      command.add(one);
    }
    command.add(image.toString());
    return run(command, 0);
  }

  private Xlog openLog() throws ErrnoException {
    XlogDevice device = new XlogDevice(cache, sb);
    return new Xlog(device, XlogFind.find(current, device), false);
  }

  XfsTrans begin() throws ErrnoException {
    return mount.begin(current, 0);
  }

  /** Writes everything into the image. */
  void writeBack() {
    assertThat(mount.pushAll(current)).isZero();
    assertThat(cache.dirtyBuffers()).isZero();
    assertThat(mount.writeUnmount(current)).isZero();
  }

  /** Has xfs_repair look for damage. */
  void repair() throws IOException, InterruptedException, ErrnoException {
    writeSuper();
    run(repairCommand(), 0);
  }

  /**
   * As {@link #repair}, while blocks belong to inodes that do not exist. They must be all that is
   * found.
   */
  void repairMissingInodes() throws IOException, InterruptedException, ErrnoException {
    writeSuper();
    assertThat(run(repairCommand(), 1).lines().toList())
        .allMatch(
            line ->
                line.matches("( *- |Phase |No modify flag |unknown block state, ag ).*")
                    || line.contains("host filesystem")
                    || line.contains("sector size mismatch"))
        .anyMatch(line -> line.startsWith("unknown block state"));
  }

  private List<String> repairCommand() {
    return List.of(program("xfs_repair"), "-n", "-f", "-o", "force_geometry", image.toString());
  }

  private void writeSuper() throws ErrnoException {
    writeBack();
    MemorySegment block = disk.contents().asSlice(0, sb.sectSize);
    byte[] bytes = block.toArray(ValueLayout.JAVA_BYTE);
    BufEdit edit = new BufData(bytes, 0, "superblock", Errno.EUCLEAN).draft();
    edit.put64(XfsDsb.FDBLOCKS, mount.fdblocks());
    edit.put64(XfsDsb.ICOUNT, mount.icount());
    edit.put64(XfsDsb.IFREE, mount.ifree());
    XfsVerify.updateCrc(edit, 0, edit.size(), XfsDsb.CRC);
    block.copyFrom(MemorySegment.ofArray(edit.copy(0, edit.size())));
  }

  @Override
  public void close() {
    mount.dropLog();
    cache.drop();
    current.leaveKernel();
    process.exit();
    arena.close();
  }
}
