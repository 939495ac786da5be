"""What the site tells its people: on its pages, and by e-mail where that is set up."""
