// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.source;

import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.util.JavacTask;
import com.sun.source.util.Trees;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import javax.lang.model.element.Element;
import javax.lang.model.element.ExecutableElement;
import javax.lang.model.element.TypeElement;
import javax.lang.model.type.TypeMirror;
import javax.lang.model.util.ElementFilter;
import javax.lang.model.util.Elements;
import javax.lang.model.util.Types;
import javax.tools.Diagnostic;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.jspecify.annotations.Nullable;

/**
 * Runs the compiler over all files at once, up to attribution, and reads its trees. An error in a
 * main source is a fault. Tests use libraries that need not be there, so their errors are ignored:
 * a name that the compiler cannot resolve has no link.
 */
final class TreeReader {
  private final SourceTree tree;
  private final Faults faults;
  private final Map<Element, Decl> decls = new HashMap<>();
  private final Map<Element, Integer> locals = new HashMap<>(); // offsets of their names

  TreeReader(SourceTree tree, Faults faults) {
    this.tree = tree;
    this.faults = faults;
  }

  void read(List<Path> classPath) throws IOException {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    if (compiler == null) {
      faults.add("java", "this runtime has no compiler");
      return;
    }
    Map<Path, SourceFile> byPath = new HashMap<>();
    List<Path> paths = new ArrayList<>();
    Set<String> packages = new HashSet<>();
    for (SourceFile file : tree.files()) {
      Path path = tree.root().resolve(file.path());
      byPath.put(path, file);
      if (!file.simpleName().equals("package-info") || packages.add(file.packageName())) {
        paths.add(path);
      }
    }
    if (paths.isEmpty()) {
      faults.add(tree.root().toString(), "there are no sources");
      return;
    }
    List<String> options =
        List.of(
            "-proc:none",
            "-nowarn",
            "-Xlint:none",
            "-implicit:none",
            "--should-stop=ifError=FLOW",
            "-classpath",
            classPath.stream().map(Path::toString).collect(Collectors.joining(File.pathSeparator)));
    try (StandardJavaFileManager manager =
        compiler.getStandardFileManager(null, Locale.ROOT, StandardCharsets.UTF_8)) {
      JavacTask task =
          (JavacTask)
              compiler.getTask(
                  null,
                  manager,
                  this::diagnose,
                  options,
                  null,
                  manager.getJavaFileObjectsFromPaths(paths));
      List<CompilationUnitTree> units = new ArrayList<>();
      task.parse().forEach(units::add);
      task.analyze();
      Trees trees = Trees.instance(task);
      for (CompilationUnitTree unit : units) {
        new DeclScanner(trees, unit, fileOf(unit, byPath), decls, locals).scan(unit, null);
      }
      relate(task.getElements(), task.getTypes());
      for (CompilationUnitTree unit : units) {
        new RefScanner(trees, unit, fileOf(unit, byPath), decls, locals).scan(unit, null);
      }
    }
  }

  private static SourceFile fileOf(CompilationUnitTree unit, Map<Path, SourceFile> byPath) {
    SourceFile file = byPath.get(Path.of(unit.getSourceFile().toUri()));
    if (file == null) {
      throw new IllegalStateException("the compiler read " + unit.getSourceFile());
    }
    return file;
  }

  private void diagnose(Diagnostic<? extends JavaFileObject> diagnostic) {
    JavaFileObject source = diagnostic.getSource();
    if (diagnostic.getKind() != Diagnostic.Kind.ERROR || source == null) {
      return;
    }
    Path path = tree.root().relativize(Path.of(source.toUri()));
    if (mayMiss(path.toString())) {
      return;
    }
    faults.add(path + ":" + diagnostic.getLineNumber(), diagnostic.getMessage(Locale.ROOT));
  }

  /** Whether the libraries that a file uses need not be there. */
  private static boolean mayMiss(String path) {
    return path.contains("/src/test/")
        || path.contains("/fixtures/")
        || path.startsWith("testkit/")
        || path.startsWith("companion/")
        || path.startsWith("benchmarks/");
  }

  /** Finds what each type extends and what each method overrides. */
  private void relate(Elements elements, Types types) {
    for (Map.Entry<Element, Decl> entry : decls.entrySet()) {
      if (!(entry.getKey() instanceof TypeElement type)) {
        continue;
      }
      for (TypeMirror above : types.directSupertypes(type.asType())) {
        link(entry.getValue(), decls.get(types.asElement(above)));
      }
      List<TypeElement> all = new ArrayList<>();
      supertypes(type, types, all);
      for (ExecutableElement method : ElementFilter.methodsIn(type.getEnclosedElements())) {
        Decl below = decls.get(method);
        if (below == null) {
          continue;
        }
        for (TypeElement above : all) {
          for (ExecutableElement upper : ElementFilter.methodsIn(above.getEnclosedElements())) {
            if (upper.getSimpleName().equals(method.getSimpleName())
                && elements.overrides(method, upper, type)) {
              link(below, decls.get(upper));
            }
          }
        }
      }
    }
  }

  private static void link(Decl below, @Nullable Decl above) {
    if (above != null && above != below && !below.supers.contains(above)) {
      below.supers.add(above);
      above.subs.add(below);
    }
  }

  private static void supertypes(TypeElement type, Types types, List<TypeElement> found) {
    for (TypeMirror above : types.directSupertypes(type.asType())) {
      if (types.asElement(above) instanceof TypeElement element && !found.contains(element)) {
        found.add(element);
        supertypes(element, types, found);
      }
    }
  }
}
