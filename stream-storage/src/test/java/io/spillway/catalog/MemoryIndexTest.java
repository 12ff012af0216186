package io.spillway.catalog;

class MemoryIndexTest extends CatalogIndexContract {

  private final MemoryIndexHome home = new MemoryIndexHome();

  @Override
  protected CatalogIndex.Home home() {
    return home;
  }
}
