// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Console;
import io.pollux.tools.console.Failure;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** pollux companion: makes the reading companion. */
@Command(
    name = "companion",
    sortOptions = false,
    description = {
      "Makes the reading companion: a static site from the sources, their annotations and texts.",
      "It works without a server; open its index.html. It needs the tree of sources."
    })
final class CompanionCommand implements Callable<Integer> {
  private final Console console;

  @Option(
      names = "--output",
      paramLabel = "DIR",
      description = "Write the site there. Default: target/companion in the tree of sources.")
  private @Nullable Path output;

  @Mixin final CommonOptions common = new CommonOptions();

  CompanionCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    Path root = root();
    Path site = output == null ? root.resolve("target/companion") : output;
    try {
      console.print(CompanionBuild.run(root, site));
    } catch (NoClassDefFoundError e) { // an optional module
      throw Failure.couldNotRun("companion", "is not part of a distribution", e);
    }
    return ExitCode.OK;
  }

  /** The tree of sources: that of bin/pollux, or else the current directory. */
  private static Path root() {
    String command = System.getenv("POLLUX_COMMAND");
    Path root = command == null ? Path.of("") : Path.of(command).resolve("../..");
    root = root.toAbsolutePath().normalize();
    if (!Files.isDirectory(root.resolve("kernel-aio/src/main/java"))) {
      throw Failure.couldNotRun(root.toString(), "is no tree of Pollux's sources");
    }
    return root;
  }
}
