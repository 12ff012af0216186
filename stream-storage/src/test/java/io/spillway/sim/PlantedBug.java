package io.spillway.sim;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/**
 * A bug, as what to replace in copies of the sources. The file:
 *
 * <pre>
 * # what is wrong
 * file: stream-storage/src/main/java/…/UploadPipeline.java
 * &lt;&lt;&lt;&lt;
 * lines that are there exactly once
 * ====
 * lines in their place
 * &gt;&gt;&gt;&gt;
 * file: …
 * </pre>
 */
final class PlantedBug {

  private record Edit(String file, String from, String to) {}

  private final String name;
  private final List<Edit> edits = new ArrayList<>();

  private PlantedBug(String name) {
    this.name = name;
  }

  static PlantedBug read(Path patch) throws IOException {
    PlantedBug bug = new PlantedBug(patch.getFileName().toString().replace(".patch", ""));
    String file = "";
    StringBuilder from = new StringBuilder();
    StringBuilder to = new StringBuilder();
    StringBuilder into = new StringBuilder();
    for (String line : Files.readAllLines(patch)) {
      if (line.startsWith("file: ")) {
        file = line.substring("file: ".length());
      } else if (line.equals("<<<<")) {
        from = new StringBuilder();
        into = from;
      } else if (line.equals("====")) {
        to = new StringBuilder();
        into = to;
      } else if (line.equals(">>>>")) {
        bug.edits.add(new Edit(file, from.toString(), to.toString()));
        into = new StringBuilder();
      } else {
        into.append(line).append('\n');
      }
    }
    if (bug.edits.isEmpty()) {
      throw new IllegalArgumentException(patch + " changes nothing");
    }
    return bug;
  }

  String name() {
    return name;
  }

  /**
   * Copies the files it touches, changes them, and compiles them.
   *
   * @param project the folder above the modules
   * @param to where the copies and their classes go
   * @throws IllegalStateException when it does not fit the sources any more
   */
  Path compile(Path project, Path to) throws IOException {
    Map<Path, String> sources = new LinkedHashMap<>();
    for (Edit edit : edits) {
      Path original = project.resolve(edit.file);
      String source = sources.containsKey(original) ? sources.get(original) : text(original);
      int at = source.indexOf(edit.from);
      if (at < 0 || source.indexOf(edit.from, at + 1) >= 0) {
        throw new IllegalStateException(
            "planted bug %s no longer fits %s: it has to be there exactly once:%n%s"
                .formatted(name, edit.file, edit.from));
      }
      sources.put(
          original, source.substring(0, at) + edit.to + source.substring(at + edit.from.length()));
    }
    List<Path> copies = new ArrayList<>();
    for (Map.Entry<Path, String> source : sources.entrySet()) {
      String path = project.relativize(source.getKey()).toString();
      Path copy = to.resolve("src").resolve(path.substring(path.indexOf("io/spillway")));
      Files.createDirectories(copy.getParent());
      Files.writeString(copy, source.getValue());
      copies.add(copy);
    }
    return compile(copies, Files.createDirectories(to.resolve("classes")));
  }

  private static String text(Path file) throws IOException {
    return Files.readString(file, StandardCharsets.UTF_8);
  }

  private Path compile(List<Path> sources, Path classes) throws IOException {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    DiagnosticCollector<JavaFileObject> problems = new DiagnosticCollector<>();
    try (StandardJavaFileManager files =
        compiler.getStandardFileManager(problems, Locale.ROOT, StandardCharsets.UTF_8)) {
      List<String> options =
          List.of(
              "-proc:none",
              "--release",
              "17",
              "-d",
              classes.toString(),
              "-cp",
              String.join(System.getProperty("path.separator"), classPath()));
      boolean compiled =
          compiler
              .getTask(
                  null, files, problems, options, null, files.getJavaFileObjectsFromPaths(sources))
              .call();
      if (!compiled) {
        throw new IllegalStateException(
            "planted bug " + name + " does not compile: " + problems.getDiagnostics());
      }
    }
    return classes;
  }

  private static List<String> classPath() {
    List<String> path = new ArrayList<>();
    for (String property : List.of("surefire.test.class.path", "java.class.path")) {
      String value = System.getProperty(property);
      if (value != null) {
        path.addAll(List.of(value.split(System.getProperty("path.separator"))));
      }
    }
    return path;
  }

  /** Our own classes, loaded anew, with those in front of the others. */
  static Classes load(Path classes) throws IOException {
    List<URL> urls = new ArrayList<>();
    urls.add(classes.toUri().toURL());
    for (String each : classPath()) {
      urls.add(Path.of(each).toUri().toURL());
    }
    return new Classes(urls.toArray(URL[]::new));
  }

  static final class Classes extends URLClassLoader {

    private Classes(URL[] urls) {
      super(urls, PlantedBug.class.getClassLoader());
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
      synchronized (getClassLoadingLock(name)) {
        if (!name.startsWith("io.spillway.")) {
          return super.loadClass(name, resolve);
        }
        Class<?> loaded = findLoadedClass(name);
        return loaded != null ? loaded : findClass(name);
      }
    }

    @Override
    public void close() {
      try {
        super.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
