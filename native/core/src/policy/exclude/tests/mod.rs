mod characters;
mod constructs;
mod differential;
mod generator;
mod limits;
mod lists;
mod python;
mod speed;
