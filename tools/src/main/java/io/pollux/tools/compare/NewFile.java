// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import io.pollux.block.bdev.Providers;
import io.pollux.core.ErrnoException;
import io.pollux.tools.bench.Bench;
import io.pollux.tools.bench.Plan;
import io.pollux.tools.bench.Plan.Pattern;
import io.pollux.tools.bench.Result;
import io.pollux.tools.console.Failure;
import io.pollux.tools.console.HostProgram;
import io.pollux.tools.growth.XfsImage;
import io.pollux.tools.image.Modules;
import io.pollux.tools.image.Target;
import io.pollux.tools.image.TargetSpec;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import io.pollux.userland.PathName;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserFiles;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Random direct writes of 4 KiB into a new file without blocks, at depth 32, on an empty filesystem
 * in memory. The other side is the host's XFS on a loop device over tmpfs, with fio's io_uring
 * engine. Each turn makes its filesystem and writes as many bytes as the file has. Blocks repeat on
 * both sides: about 63 of 100 blocks are written at least once.
 */
public final class NewFile {
  /** Name of the comparison. */
  public static final String WORK = "new file: random writes";

  /** Least size of the file: mkfs.xfs makes no disk of less than twice this. */
  public static final long LEAST = 256 << 20;

  private static final int DEPTH = 32;
  private static final double MARK = 1.0;
  private static final PathName FILE = PathName.of("/mnt/new");
  private static final int MODE = 0600;
  private static final String SCRIPT = "xfs-new-file";
  private static final double SCRIPT_SECONDS = 60;

  private NewFile() {}

  /** Returns why the host's side cannot run, or null if it can. */
  public static @Nullable String missing() {
    return FioContestant.installed() ? XfsImage.missing() : "no fio here (Debian: fio)";
  }

  /**
   * Creates the comparison.
   *
   * @param fs name of a filesystem that can be made and allocates
   * @param modules jars with the filesystem; empty for none
   * @param bytes size of the file; the disk has twice as much
   * @param seed of all random numbers
   */
  public static Comparison comparison(String fs, String modules, long bytes, long seed) {
    Plan plan = Plan.forComparison(Pattern.RANDWRITE, DEPTH, seed).withRamp(0);
    Providers providers = Modules.load(modules);
    Contestant here = new Here(fs, providers, plan.forIos(bytes / plan.blockSize()), bytes);
    return new Turns(WORK, Unit.IOPS, here, new Host(bytes), Mark.atLeast(MARK));
  }

  /** This kernel, in this process. Ignores the duration of a turn. */
  record Here(String fs, Providers providers, Plan plan, long bytes) implements Contestant {
    @Override
    public String name() {
      return fs;
    }

    @Override
    public double run(double seconds) {
      TargetSpec spec = TargetSpec.SAMPLE.withDisk(TargetSpec.RAM).withBare(2 * bytes);
      try (Target target = Target.openUnmounted(spec, true, providers);
          UserFiles files = new UserFiles(target.program())) {
        var type = providers.fileSystem(fs);
        target.kernel().mkfs(type, target.device(), "");
        target.kernel().mount("mnt", type, target.device(), "rw");
        int fd = files.open(FILE, Fcntl.O_RDWR | Fcntl.O_CREAT | Fcntl.O_EXCL, MODE);
        SyscallException.check("ftruncate", target.program().syscall(Nr.FTRUNCATE, fd, bytes));
        files.close(fd);
        PrintStream nowhere =
            new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
        Result result = new Bench(plan, target, files, FILE, nowhere).run();
        if (!result.good()) {
          throw Failure.fault(result.file(), String.valueOf(result.firstFault()));
        }
        return result.iops();
      } catch (ErrnoException | SyscallException e) {
        throw Failure.couldNotRun("--fs " + fs, String.valueOf(e.getMessage()), e);
      }
    }
  }

  /** The host's XFS. Ignores the duration of a turn. */
  record Host(long bytes) implements Contestant {
    @Override
    public String name() {
      return "XFS of Linux";
    }

    @Override
    public double run(double seconds) {
      try (InputStream script = NewFile.class.getResourceAsStream(SCRIPT)) {
        String text =
            new String(
                Objects.requireNonNull(script, SCRIPT).readAllBytes(), StandardCharsets.UTF_8);
        List<String> command =
            List.of("sh", "-c", text, SCRIPT, String.valueOf(bytes), String.valueOf(DEPTH));
        return FioContestant.rate(HostProgram.run(command, SCRIPT_SECONDS));
      } catch (IOException e) {
        throw new AssertionError(SCRIPT, e);
      }
    }
  }
}
