// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.series;

import java.io.IOException;
import java.lang.classfile.Annotation;
import java.lang.classfile.AnnotationValue;
import java.lang.classfile.AttributedElement;
import java.lang.classfile.Attributes;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.FieldModel;
import java.lang.classfile.MethodModel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Every class, method and field that the build compiled, tests included. No class is loaded. */
final class AnnotatedElements {
  /**
   * An element and its annotations.
   *
   * @param source the Java file, from the root of the repository
   * @param member empty for a class or a constructor
   */
  record Element(
      String module,
      boolean test,
      String source,
      String owner,
      String member,
      List<Annotation> annotations) {
    /** The element as the documentation writes it. */
    String shown() {
      return member.isEmpty() ? owner : owner + "." + member;
    }

    /** The same as a link from a page in docs. */
    String link() {
      return "[`" + shown() + "`](../" + source + ')';
    }
  }

  private final List<Element> elements = new ArrayList<>();

  private AnnotatedElements() {}

  /** Reads the classes of every module below a directory. */
  static List<Element> scan(Path root) throws IOException {
    AnnotatedElements scan = new AnnotatedElements();
    try (Stream<Path> modules = Files.list(root)) {
      for (Path module :
          modules.filter(m -> Files.exists(m.resolve("pom.xml"))).sorted().toList()) {
        scan.folder(module, "target/classes", false);
        scan.folder(module, "target/test-classes", true);
      }
    }
    return List.copyOf(scan.elements);
  }

  private void folder(Path module, String folder, boolean test) throws IOException {
    Path classes = module.resolve(folder);
    if (!Files.isDirectory(classes)) {
      return;
    }
    try (Stream<Path> files = Files.walk(classes)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".class")).sorted().toList()) {
        type(String.valueOf(module.getFileName()), test, ClassFile.of().parse(file));
      }
    }
  }

  private void type(String module, boolean test, ClassModel model) {
    String name = model.thisClass().asInternalName();
    String owner = name.substring(name.lastIndexOf('/') + 1).replace('$', '.');
    String file =
        model
            .findAttribute(Attributes.sourceFile())
            .map(found -> found.sourceFile().stringValue())
            .orElse("");
    String folder = module + (test ? "/src/test/java/" : "/src/main/java/");
    String source = folder + name.substring(0, name.lastIndexOf('/') + 1) + file;
    add(module, test, source, owner, "", model);
    for (FieldModel field : model.fields()) {
      add(module, test, source, owner, field.fieldName().stringValue(), field);
    }
    for (MethodModel method : model.methods()) {
      String member = method.methodName().stringValue();
      add(module, test, source, owner, member.equals("<init>") ? "" : member, method);
    }
  }

  private void add(
      String module,
      boolean test,
      String source,
      String owner,
      String member,
      AttributedElement element) {
    List<Annotation> annotations =
        element
            .findAttribute(Attributes.runtimeVisibleAnnotations())
            .map(found -> found.annotations())
            .orElse(List.of());
    elements.add(new Element(module, test, source, owner, member, annotations));
  }

  /** The values of an array, or the one value. */
  static Stream<AnnotationValue> values(AnnotationValue value) {
    return value instanceof AnnotationValue.OfArray array
        ? array.values().stream()
        : Stream.of(value);
  }
}
