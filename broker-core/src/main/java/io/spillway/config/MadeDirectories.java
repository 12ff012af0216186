package io.spillway.config;

import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The directories that somebody had to make for one that they needed, to be taken back. */
public final class MadeDirectories {

  /** Deepest first. */
  private final List<Path> made;

  private MadeDirectories(List<Path> made) {
    this.made = List.copyOf(made);
  }

  /** Makes the directory, and those above it, as far as they are missing. */
  public static MadeDirectories make(Path directory) throws IOException {
    List<Path> missing = new ArrayList<>();
    Path each = directory.toAbsolutePath();
    while (each != null && !Files.exists(each)) {
      missing.add(each);
      each = each.getParent();
    }
    Files.createDirectories(directory);
    return new MadeDirectories(missing);
  }

  /** Removes those that were made here, as long as nothing is in them. */
  public void removeIfEmpty() throws IOException {
    try {
      for (Path directory : made) {
        Files.deleteIfExists(directory);
      }
    } catch (DirectoryNotEmptyException e) {
      return; // somebody uses it
    }
  }
}
