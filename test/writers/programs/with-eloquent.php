<?php
// Writes messages with Eloquent: a model that is given a few columns, and one that is given all.
require '/usr/share/php/Illuminate/Database/autoload.php';

use Illuminate\Database\Capsule\Manager;
use Illuminate\Database\Eloquent\Model;
use Illuminate\Database\QueryException;

$given = json_decode($argv[1], true);
$manager = new Manager();
$manager->addConnection(['driver' => 'sqlite', 'database' => $given['path']]);
$manager->setAsGlobal();
$manager->bootEloquent();

class Message extends Model
{
    protected $guarded = [];
}

function attempt(callable $work): ?string
{
    try {
        $work();
        return null;
    } catch (QueryException $error) {
        return $error->getMessage();
    }
}

$columns = array_keys($given['columns']);
$small = Message::create($given['small']);
$nulls = array_fill_keys(array_diff($columns, ['id']), null);
$whole = Message::create(array_merge($nulls, $given['whole']));
$names = array_fill_keys(array_keys(array_merge(...$given['bulk'])), null);
Message::insert(array_map(fn (array $row): array => array_merge($names, $row), $given['bulk']));
for ($time = 0; $time < 2; $time++) {
    Message::upsert([$given['keyed']], ['idempotency_key']);
}
$small->update(['reference' => 'changed']);
$whole->update(['reference' => 'changed']);
$read = Message::find($whole->id)->getAttributes();
echo json_encode(['small' => $small->id, 'whole' => $whole->id]), "\n";

fgets(STDIN);
$save = fn (array $row): callable => fn () => Message::where('id', $row['id'])->update($row);
$fresh = Message::find($whole->id)->getAttributes();
echo json_encode([
    'small' => attempt(fn () => $small->update(['reference' => 'changed again'])),
    'stale' => attempt($save(['reference' => 'stale'] + $read)),
    'fresh' => attempt($save(['reference' => 'fresh'] + $fresh)),
]), "\n";
