// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import io.pollux.tools.console.Failure;
import java.io.IOException;
import java.io.InputStream;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.CodeSource;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * The library that is preloaded into a program. It is compiled from this package's resources on
 * first use, and stored under a name with a hash of the sources.
 */
final class Preload {
  private static final List<String> SOURCES =
      List.of(
          "kernel.c",
          "vm.c",
          "threads.c",
          "signals.c",
          "masks.c",
          "execs.c",
          "paths.c",
          "cwd.c",
          "status.c",
          "names.c",
          "attrs.c",
          "files.c",
          "dirs.c",
          "stdio.c",
          "inside.c",
          "limits.c",
          "variables.c",
          "server.c",
          "client.c",
          "copies.c",
          "clientaio.c",
          "libaio.c",
          "syscall.c",
          "apart.c");
  private static final List<String> OTHERS = List.of("pollux.h", "exports.map");
  private static final long COMPILE_SECONDS = 120;
  private static final int HASH_DIGITS = 16;

  private Preload() {}

  /**
   * Returns the library, compiled if necessary.
   *
   * @param javaHome its jni.h is used
   * @return its file
   * @throws Failure if there is no compiler, or no directory for the library
   */
  static Path library(Path javaHome) {
    Map<String, byte[]> files = read();
    String name = "libpollux-" + hash(files, javaHome) + ".so";
    List<Path> places = places();
    for (Path place : places) {
      if (Files.isReadable(place.resolve(name))) {
        return place.resolve(name);
      }
    }
    IOException why = new IOException("no place");
    for (Path place : places) {
      try {
        Files.createDirectories(place);
        Path work = Files.createTempDirectory(place, "build");
        try {
          return Files.move(
              compile(work, files, javaHome), place.resolve(name), StandardCopyOption.ATOMIC_MOVE);
        } finally {
          delete(work);
        }
      } catch (IOException e) {
        why = e;
      }
    }
    throw Failure.couldNotRun("exec", "the library for C programs can't be written: " + why, why);
  }

  /** Returns the directories for the library: next to the jar, else the user's cache. */
  private static List<Path> places() {
    List<Path> places = new ArrayList<>();
    CodeSource source = Preload.class.getProtectionDomain().getCodeSource();
    if (source != null) {
      try {
        // the compiler and the program do not see a directory that is open here; see ModulePath
        Path jar = Path.of(source.getLocation().toURI()).toRealPath();
        places.add(jar.resolveSibling("exec"));
      } catch (URISyntaxException | IOException | IllegalArgumentException e) {
        // A location that is not a file is skipped.
        assert source.getLocation() != null;
      }
    }
    String cache = System.getenv("XDG_CACHE_HOME");
    places.add(
        cache == null || cache.isEmpty()
            ? Path.of(System.getProperty("user.home"), ".cache", "pollux")
            : Path.of(cache, "pollux"));
    return places;
  }

  private static Map<String, byte[]> read() {
    Map<String, byte[]> files = new LinkedHashMap<>();
    for (String name : Stream.concat(SOURCES.stream(), OTHERS.stream()).toList()) {
      try (InputStream in = Preload.class.getResourceAsStream(name)) {
        files.put(name, Objects.requireNonNull(in, name).readAllBytes());
      } catch (IOException e) {
        throw Failure.couldNotRun(name, "can't be read from the jar", e);
      }
    }
    return files;
  }

  private static String hash(Map<String, byte[]> files, Path javaHome) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      files.values().forEach(digest::update);
      digest.update(javaHome.toString().getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest.digest()).substring(0, HASH_DIGITS);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  private static Path compile(Path work, Map<String, byte[]> files, Path javaHome)
      throws IOException {
    for (Map.Entry<String, byte[]> file : files.entrySet()) {
      Files.write(work.resolve(file.getKey()), file.getValue());
    }
    Path include = javaHome.resolve("include");
    if (!Files.isReadable(include.resolve("jni.h"))) {
      throw Failure.couldNotRun(
          include.resolve("jni.h").toString(), "is not there: exec needs a whole JDK");
    }
    List<String> command =
        new ArrayList<>(
            List.of("cc", "-shared", "-fPIC", "-O2", "-std=gnu11", "-fvisibility=hidden"));
    command.addAll(List.of("-Wall", "-Wextra", "-pthread"));
    command.addAll(List.of("-I" + include, "-I" + include.resolve("linux")));
    command.addAll(List.of("-Wl,--version-script=exports.map", "-o", "library.so"));
    command.addAll(SOURCES);
    command.add("-ldl");
    Path log = work.resolve("log");
    Process cc;
    try {
      cc =
          new ProcessBuilder(command)
              .directory(work.toFile())
              .redirectErrorStream(true)
              .redirectOutput(log.toFile())
              .start();
    } catch (IOException e) {
      throw Failure.couldNotRun(
          "cc",
          "is not there, and exec compiles a small library with it (Debian: gcc, libc6-dev)",
          e);
    }
    try {
      if (!cc.waitFor(COMPILE_SECONDS, TimeUnit.SECONDS)) {
        cc.destroyForcibly();
        throw Failure.couldNotRun("cc", "did not end in " + COMPILE_SECONDS + " s");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw Failure.couldNotRun("cc", "was interrupted", e);
    }
    if (cc.exitValue() != 0) {
      String first =
          Files.readAllLines(log).stream()
              .filter(line -> line.contains("error"))
              .findFirst()
              .orElse("?");
      throw Failure.couldNotRun("cc", "did not compile the library for C programs: " + first);
    }
    return work.resolve("library.so");
  }

  private static void delete(Path directory) throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }
}
